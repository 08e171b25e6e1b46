-- Whose receipts may these be? Each stage below reads the stages above it. A few items run as one statement, many as
-- temporary tables with statistics (see matching.py); the definitions are the same.

-- stage: suspense_text
-- What was written on each receipt, in capitals, and its words alone with a space around each.
SELECT s.id AS item, s.remaining AS amount, s.payer_key,
  upper(concat_ws(' ', e.narrative, e.account_reference, e.source_reference)) AS written,
  ' ' || regexp_replace(upper(e.narrative || ' ' || e.payer_name), '[^[:alpha:]]+', ' ', 'g') || ' ' AS words
FROM suspense_suspenseitem s JOIN ledger_entry e ON e.id = s.entry_id
WHERE s.state = 'open' AND s.id = ANY (%(items)s::bigint[])

-- stage: suspense_token
SELECT t.item, w.token,
  lead(w.token) OVER (PARTITION BY t.item ORDER BY w.place) AS next_token,
  lead(w.token, 2) OVER (PARTITION BY t.item ORDER BY w.place) AS third_token
FROM suspense_text t CROSS JOIN LATERAL regexp_split_to_table(t.written, '[^A-Z0-9]+') WITH ORDINALITY AS w (token, place)
WHERE w.token <> ''

-- stage: suspense_candidate
-- What could be a reference: at least five characters, four of them digits. how 1: it stood there as a word; how 2: put
-- together across separators, or freed of letters or zeros around it.
SELECT item, key, min(how) AS how
FROM (
  SELECT item, token AS key, 1 AS how FROM suspense_token
  UNION ALL SELECT item, token || next_token, 2 FROM suspense_token WHERE next_token IS NOT NULL
  UNION ALL SELECT item, token || next_token || third_token, 2 FROM suspense_token WHERE third_token IS NOT NULL
  UNION ALL SELECT item, btrim(token, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'), 2 FROM suspense_token WHERE token ~ '^[A-Z]|[A-Z]$'
  UNION ALL SELECT item, ltrim(token, '0'), 2 FROM suspense_token WHERE token LIKE '0%%'
) AS possible
WHERE length(key) BETWEEN 5 AND 36 AND length(translate(key, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '')) >= 4
GROUP BY item, key

-- stage: suspense_whole
SELECT c.item, a.id AS account, min(c.how) AS pass
FROM suspense_candidate c JOIN accounts_accountholder a ON translate(upper(a.reference), ' -/.', '') = c.key
GROUP BY c.item, a.id

-- stage: suspense_nearly
-- One digit wrong, or two neighbours swapped: every such neighbour of what was written, looked up.
SELECT v.item, a.id AS account, 3 AS pass
FROM (
  SELECT DISTINCT c.item, n.key
  FROM suspense_candidate c CROSS JOIN LATERAL (
    SELECT overlay(c.key PLACING d.digit FROM p.place) AS key
    FROM generate_series(1, length(c.key)) AS p (place), unnest(ARRAY['0','1','2','3','4','5','6','7','8','9']) AS d (digit)
    WHERE substr(c.key, p.place, 1) BETWEEN '0' AND '9' AND substr(c.key, p.place, 1) <> d.digit
    UNION ALL
    SELECT overlay(c.key PLACING substr(c.key, p.place + 1, 1) || substr(c.key, p.place, 1) FROM p.place)
    FROM generate_series(1, length(c.key) - 1) AS p (place)
    WHERE substr(c.key, p.place, 1) <> substr(c.key, p.place + 1, 1)
  ) AS n
  WHERE length(c.key) BETWEEN 6 AND 13 AND NOT EXISTS (SELECT 1 FROM suspense_whole w WHERE w.item = c.item)
) AS v
JOIN accounts_accountholder a ON translate(upper(a.reference), ' -/.', '') = v.key

-- stage: suspense_cut_short
-- The first six digits or more of a longer reference (the range has the whole of what begins so).
SELECT DISTINCT c.item, a.id AS account, 4 AS pass
FROM suspense_candidate c JOIN accounts_accountholder a
  ON translate(upper(a.reference), ' -/.', '') ~>=~ c.key AND translate(upper(a.reference), ' -/.', '') ~<~ (c.key || '~')
  AND length(translate(upper(a.reference), ' -/.', '')) > length(c.key)
WHERE length(c.key) BETWEEN 6 AND 20 AND NOT EXISTS (SELECT 1 FROM suspense_whole w WHERE w.item = c.item)

-- stage: suspense_owing
-- Accounts that owe exactly this much; their names decide below.
SELECT t.item, a.id AS account, 5 AS pass
FROM suspense_text t CROSS JOIN funds_fund f
JOIN accounts_accountholder a ON a.fund_id = f.code AND a.balance = t.amount AND a.is_open
WHERE t.words ~ '[[:alpha:]]{3}' AND NOT EXISTS (SELECT 1 FROM suspense_whole w WHERE w.item = t.item)

-- stage: suspense_agreement
-- Name and amount of every account reached so far, against what was written.
SELECT h.item, h.pass, a.fund_id AS fund, a.reference, a.name, a.is_open,
  position(' ' || n.surname || ' ' IN t.words) > 0 AND length(n.surname) >= 3 AS surname_agrees,
  n.given = '' OR position(' ' || n.given || ' ' IN t.words) > 0 OR position(' ' || left(n.given, 1) || ' ' IN t.words) > 0
    OR length(n.given) = 1 AND position(' ' || n.given IN t.words) > 0 AS given_agrees,
  coalesce(a.balance = t.amount, false) AS amount_agrees
FROM (SELECT item, account, min(pass) AS pass
      FROM (SELECT * FROM suspense_whole UNION ALL SELECT * FROM suspense_nearly
            UNION ALL SELECT * FROM suspense_cut_short UNION ALL SELECT * FROM suspense_owing) AS hit
      GROUP BY item, account) AS h
JOIN suspense_text t ON t.item = h.item
JOIN accounts_accountholder a ON a.id = h.account
JOIN funds_fund f ON f.code = a.fund_id AND f.is_active
CROSS JOIN LATERAL (
  SELECT btrim(regexp_replace(upper(a.name), '^(MR AND MRS|MR|MRS|MISS|MS|MX|DR|REV|SIR|THE)\.? +|[^[:alpha:] ]', '', 'g')) AS words
) AS plain
CROSS JOIN LATERAL (
  SELECT CASE WHEN a.surname <> '' THEN regexp_replace(upper(a.surname), '[^[:alpha:]]+', ' ', 'g')
              ELSE substring(plain.words FROM '[^ ]+$') END AS surname,
         CASE WHEN position(' ' IN plain.words) > 0 THEN split_part(plain.words, ' ', 1) ELSE '' END AS given
) AS n

-- stage: suspense_before
-- Where earlier receipts of the same payer went and stayed; nothing when they went to many places.
SELECT t.item, l.fund_id AS fund, l.account_reference AS reference, count(DISTINCT earlier.id) AS times
FROM suspense_text t
JOIN suspense_suspenseitem earlier ON earlier.payer_key = t.payer_key AND earlier.payer_key <> '' AND earlier.id <> t.item
JOIN ledger_entry c ON c.corrects_id = earlier.entry_id
JOIN ledger_posting p ON p.id = c.posting_id AND p.kind = 'allocation'
JOIN ledger_entry l ON l.posting_id = p.id AND l.corrects_id IS NULL AND l.amount > 0
WHERE length(t.payer_key) >= 5 AND NOT EXISTS (SELECT 1 FROM ledger_posting r WHERE r.reverses_id = p.id)
GROUP BY t.item, l.fund_id, l.account_reference

-- stage: suspense_answer
SELECT item, pass, fund, reference, name, is_open, surname_agrees AND given_agrees AS name_agrees, surname_agrees,
  amount_agrees, 0 AS times
FROM suspense_agreement
WHERE pass <= 2 OR pass IN (3, 4) AND (surname_agrees OR amount_agrees) OR pass = 5 AND surname_agrees AND given_agrees
UNION ALL
SELECT b.item, 6, b.fund, b.reference, coalesce(a.name, ''), coalesce(a.is_open, true), false, false,
  coalesce(a.balance = t.amount, false), b.times::integer
FROM (SELECT *, count(*) OVER (PARTITION BY item) AS places FROM suspense_before) AS b
JOIN suspense_text t ON t.item = b.item
LEFT JOIN accounts_accountholder a ON a.fund_id = b.fund AND a.reference = b.reference
WHERE b.places <= 3
