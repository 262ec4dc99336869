-- A record names the role that is logged in, whatever its writer says, and its text is the one that the verifier rebuilds.

CREATE FUNCTION ops.chatops_audit_canonical(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CASE jsonb_typeof(value)
        WHEN 'object' THEN
            RETURN (SELECT '{' || coalesce(string_agg(to_json(e.key)::text || ':' || ops.chatops_audit_canonical(e.value), ','
                                                      ORDER BY e.key COLLATE "C"), '') || '}' FROM jsonb_each(value) AS e);
        WHEN 'array' THEN
            RETURN (SELECT '[' || coalesce(string_agg(ops.chatops_audit_canonical(e.value), ',' ORDER BY e.place), '') || ']'
                    FROM jsonb_array_elements(value) WITH ORDINALITY AS e(value, place));
        WHEN 'string' THEN RETURN to_json(value #>> '{}')::text;
        WHEN 'number' THEN RETURN substring(value::text FROM '^-?[0-9]{1,100}$');  -- integers; anything else is NULL
        ELSE RETURN value::text;
    END CASE;
END $$;
GRANT EXECUTE ON FUNCTION ops.chatops_audit_canonical(jsonb) TO PUBLIC;  -- whoever owns the function that appends

CREATE OR REPLACE FUNCTION ops.chatops_audit_append(canonical text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head    ops.chatops_audit_head;
    moment  timestamptz;
    sealed  bytea;
    content jsonb := canonical::jsonb;
BEGIN
    IF content ->> 'session_user' IS DISTINCT FROM session_user THEN
        RAISE EXCEPTION 'a record names who is logged in' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF canonical IS DISTINCT FROM ops.chatops_audit_canonical(content) THEN
        RAISE EXCEPTION 'the text of a record is canonical' USING ERRCODE = 'invalid_text_representation';
    END IF;
    IF content ->> 'event' = 'chain.restored' AND NOT pg_has_role(
        session_user, (SELECT relowner FROM pg_class WHERE oid = 'ops.chatops_audit'::regclass), 'MEMBER') THEN
        RAISE EXCEPTION 'only the owner of the record accepts a break' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO STRICT head FROM ops.chatops_audit_head FOR UPDATE;
    moment := clock_timestamp();
    sealed := sha256(head.hash || convert_to(
        'chatops-audit-v1' || E'\n' || (head.n + 1) || E'\n'
        || to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || E'\n' || canonical, 'UTF8'));
    INSERT INTO ops.chatops_audit (n, at, record, prev, hash) VALUES (head.n + 1, moment, content, head.hash, sealed);
    UPDATE ops.chatops_audit_head SET n = head.n + 1, hash = sealed;
    RETURN head.n + 1;
END $$;
