-- A request is what somebody asked: it begins waiting, what was asked stays as it was, and it is decided once. That
-- nobody decides about their own request is a constraint of the table (maker_is_not_checker).
CREATE FUNCTION ims_request_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
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
CREATE TRIGGER ims_request_guard BEFORE INSERT OR UPDATE OR DELETE ON approvals_request
  FOR EACH ROW EXECUTE FUNCTION ims_request_guard();
ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER ims_request_guard;

-- Whether request `request` was approved in this very transaction and covers `amount` of `limit_kind`: the leave it
-- gives ends with the transaction, so that it cannot be used twice.
CREATE FUNCTION ims_is_approved_now(request bigint, limit_kind text, amount numeric) RETURNS boolean LANGUAGE sql STABLE
  SET search_path = public, pg_temp AS $$
  SELECT EXISTS (
    SELECT 1 FROM approvals_request r
    WHERE r.id = request AND r.state = 'approved' AND r.decided_at = transaction_timestamp()
      AND jsonb_exists(r.covers, limit_kind)
      AND coalesce(amount <= (r.covers ->> limit_kind)::numeric, true))
$$;
