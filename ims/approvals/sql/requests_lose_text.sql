-- A request keeps what was asked and how it was decided, but for text about people that a disposal takes away.
CREATE OR REPLACE FUNCTION ims_request_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'Request % stays on record.', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'request_stays';
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'waiting' THEN
      RAISE EXCEPTION 'A request begins waiting.'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'request_begins_waiting';
    END IF;
    NEW.requested_at := transaction_timestamp();
    RETURN NEW;
  END IF;
  -- What was decided long ago loses text about people under a disposal: who asked, who decided, when and what came of it
  -- stay.
  IF OLD.state <> 'waiting' AND ims_erasure_permitted(
       TG_TABLE_NAME::text, to_jsonb(OLD) ->> 'id', to_jsonb(OLD), to_jsonb(NEW)) THEN
    RETURN NEW;
  END IF;
  IF (NEW.id, NEW.kind, NEW.key, NEW.payload, NEW.summary, NEW.amount, NEW.covers, NEW.plan, NEW.stamp, NEW.funds,
      NEW.reason, NEW.requested_by_kind, NEW.requested_by_id, NEW.requested_by_name, NEW.requested_at, NEW.expires_on)
     IS DISTINCT FROM
     (OLD.id, OLD.kind, OLD.key, OLD.payload, OLD.summary, OLD.amount, OLD.covers, OLD.plan, OLD.stamp, OLD.funds,
      OLD.reason, OLD.requested_by_kind, OLD.requested_by_id, OLD.requested_by_name, OLD.requested_at, OLD.expires_on)
  THEN
    RAISE EXCEPTION 'What request % asks for cannot be changed. Withdraw it and ask again.', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'request_as_asked';
  END IF;
  IF OLD.state = 'waiting' THEN
    NEW.decided_at := CASE WHEN NEW.state = 'waiting' THEN NULL ELSE transaction_timestamp() END;
    RETURN NEW;
  END IF;
  -- The transaction that approves also writes down, once, what came of it.
  IF OLD.state = 'approved' AND OLD.decided_at = transaction_timestamp() AND OLD.outcome = ''
     AND (NEW.state, NEW.decided_by_kind, NEW.decided_by_id, NEW.decided_by_name, NEW.decided_at, NEW.decision_reason)
       = (OLD.state, OLD.decided_by_kind, OLD.decided_by_id, OLD.decided_by_name, OLD.decided_at, OLD.decision_reason)
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'Request % is decided (%): a decision is not changed.', OLD.id, OLD.state
    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'request_decided_once';
END $$;
