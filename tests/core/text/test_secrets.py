"""Masking of credentials. All of them are made up, and assembled from parts so that no scanner reports this file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aurora_dev
from aurora_dev.core.text.secrets import mask_named, mask_secrets, masking


def noise(length: int, alphabet: str, seed: str = "") -> str:
    """Return random-looking characters that are the same in every run."""
    out = ""
    counter = 0
    while len(out) < length:
        digest = hashlib.sha256(f"{seed}/{alphabet}/{counter}".encode()).digest()
        out += "".join(alphabet[byte % len(alphabet)] for byte in digest)
        counter += 1
    return out[:length]


UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER = UPPER.lower()
DIGITS = "0123456789"
ALNUM = UPPER + LOWER + DIGITS
HEX = "0123456789abcdef"
BASE64 = ALNUM + "+/"
URLSAFE = ALNUM + "-_"


def jwt() -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    header, payload = part({"alg": "HS256", "typ": "JWT"}), part({"sub": "u-81723", "iss": "billing"})
    return f"{header}.{payload}.{noise(43, URLSAFE)}"


def pem(kind: str = "RSA PRIVATE KEY", lines: int = 5) -> str:
    body = "\n".join(noise(64, BASE64, str(number)) for number in range(lines))
    return f"-----BEGIN {kind}-----\n{body}\n{noise(10, ALNUM)}==\n-----END {kind}-----"


UUID = "-".join(noise(n, HEX, str(n)) for n in (8, 4, 5, 6, 12)).replace(noise(5, HEX, "5"), noise(4, HEX, "5"))
UUID = UUID.replace(noise(6, HEX, "6"), noise(4, HEX, "6"))

CREDENTIALS = {
    "aws-access-key": "AKIA" + noise(16, UPPER + "234567"),
    "github-token": "ghp_" + noise(36, ALNUM),
    "gitlab-token": "glpat-" + noise(20, URLSAFE),
    "slack-token": "xoxb-" + noise(12, DIGITS) + "-" + noise(12, DIGITS, "b") + "-" + noise(24, ALNUM),
    "stripe-key": "sk_live_" + noise(24, ALNUM),
    "google-api-key": "AIza" + noise(35, URLSAFE),
    "google-oauth-secret": "GOCSPX-" + noise(28, URLSAFE),
    "anthropic-key": "sk-ant-api03-" + noise(93, URLSAFE) + "AA",
    "openai-key": "sk-proj-" + noise(74, URLSAFE) + "T3BlbkFJ" + noise(74, URLSAFE),
    "npm-token": "npm_" + noise(36, ALNUM),
    "pypi-token": "pypi-AgEIcHlwaS5vcmc" + noise(120, URLSAFE),
    "sendgrid-key": "SG." + noise(22, URLSAFE) + "." + noise(43, URLSAFE, "s"),
    "twilio-key": "SK" + noise(32, HEX),
    "digitalocean-token": "dop_v1_" + noise(64, HEX),
    "huggingface-token": "hf_" + noise(34, UPPER + LOWER),
    "heroku-key": "HRKU-AA" + noise(58, URLSAFE),
    "pinecone-key": "pcsk_" + noise(6, ALNUM) + "_" + noise(63, ALNUM),
    "shopify-token": "shpat_" + noise(32, HEX),
    "groq-key": "gsk_" + noise(52, ALNUM),
    "vault-token": "hvs." + noise(95, URLSAFE),
    "databricks-token": "dapi" + noise(32, HEX),
    "azure-client-secret": noise(3, ALNUM) + "8Q~" + noise(34, URLSAFE),
    "age-secret-key": "AGE-SECRET-KEY-1" + noise(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    "jwt": jwt(),
}
VARIANTS = [
    ("aws-access-key", "ASIA" + noise(16, UPPER + "234567")),
    ("github-token", "gho_" + noise(36, ALNUM)),
    ("github-token", "ghs_" + noise(36, ALNUM)),
    ("github-token", "github_pat_" + noise(22, ALNUM) + "_" + noise(59, ALNUM)),
    ("slack-token", "xapp-1-A" + noise(10, UPPER + DIGITS) + "-" + noise(13, DIGITS) + "-" + noise(64, HEX)),
    ("stripe-key", "rk_live_" + noise(24, ALNUM)),
    ("openai-key", "sk-" + noise(20, ALNUM) + "T3BlbkFJ" + noise(20, ALNUM)),
]


@pytest.mark.parametrize(("label", "credential"), [*CREDENTIALS.items(), *VARIANTS])
@pytest.mark.parametrize("frame", ['key = "{}"', "KEY={}\n", "{}", "curl -H 'Bearer {}' x", '{{"k":"a\\n{}\\n"}}'])
def test_a_credential_is_replaced_by_the_marker_of_its_provider(label: str, credential: str, frame: str) -> None:
    masked, count = mask_secrets(frame.format(credential))
    assert masked == frame.format(f"[masked: {label}]")
    assert count == 1


@pytest.mark.parametrize(
    ("text", "secret", "label"),
    [
        ('AWS_SECRET_ACCESS_KEY = "{}"', noise(40, BASE64), "aws-secret-key"),
        ('  "secretAccessKey": "{}",', noise(40, BASE64), "aws-secret-key"),
        ("aws_secret_access_key: str = '{}'", noise(40, BASE64), "aws-secret-key"),
        ('TWILIO_AUTH_TOKEN="{}"', noise(32, HEX), "twilio-auth-token"),
        ("heroku_api_key = {}", UUID, "heroku-key"),
        ("AccountName=x;AccountKey={};Suffix", noise(86, BASE64) + "==", "azure-storage-key"),
        ("Endpoint=sb://x/;SharedAccessKey={}", noise(43, BASE64) + "=", "azure-access-key"),
        ("https://hooks.slack.com/services/{}", "T0AB1CD2E/B0AB1CD2E/" + noise(24, ALNUM), "slack-webhook"),
        ("bot = '8123456789:{}'", "AA" + noise(33, URLSAFE), "telegram-bot-token"),
        ("postgresql://app:{}@db.internal:5432/main", "kV8#r2-qZ".replace("#", "!"), "url-password"),
        ("redis://:{}@cache:6379/0", "Tq83hdKw", "url-password"),
        ("https://deploy:{}@github.com/acme/app.git", "s3cr3tHorse9", "url-password"),
    ],
)
def test_only_the_secret_itself_is_replaced(text: str, secret: str, label: str) -> None:
    assert mask_secrets(text.format(secret)) == (text.format(f"[masked: {label}]"), 1)


@pytest.mark.parametrize(
    "text",
    [
        "https://user:pass@example.com",
        "https://username:password@host",
        "https://deploy:letmein@api.example.com/v1",
        "ftp://deploy:b1x@host",
        "postgres://postgres:postgres@localhost/db",
        "postgresql://user:${DB_PASSWORD}@db/main",
        "mysql://root:%s@%s/db",
        "amqp://guest:guest@localhost:5672//",
        "https://me:***@host/path",
        "https://me:<password>@host/path",
        "f'redis://:{password}@{host}'",
        "https://user:p4ssw0rd@host",
        "https://jo%40email.com:a%20secret@müller.de:1234/",
        "http://[::1]:8080/@x",
        "see https://host:8080/path and mail a@b.org",
        "AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "aws commit " + hashlib.sha1(b"x", usedforsecurity=False).hexdigest(),
        "aws-sdk-go/Service/S3/internal/custom/v2",
        "ghp_" + "x" * 36,
        "ghp_" + "0123456789" * 4,
        "sk-fading-circle12-before-animation-delay",
        "task-" + "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
        "SK_LONG_CONSTANT_NAME_WITH_MANY_WORDS_IN_IT",
        "hf_" + "transformers_model_loading_utilities",
        "npm_config_registry_and_other_settings_too",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        'if "-----BEGIN PRIVATE KEY-----" in text and load_the_private_key(text, "-----END PRIVATE KEY-----"): pass',
        "-----BEGIN CERTIFICATE-----\n" + noise(64, BASE64) + "\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\n" + noise(64, BASE64) + "\n-----END PUBLIC KEY-----",
        '"integrity": "sha512-' + noise(86, BASE64) + '=="',
        "id = " + UUID,
        "md5 = " + noise(32, HEX),
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0."
        + noise(43, URLSAFE),
        "",
    ],
)
def test_placeholders_and_ordinary_text_are_not_masked(text: str) -> None:
    assert mask_secrets(text) == (text, 0)


def test_a_private_key_keeps_its_line_breaks_and_its_begin_and_end_lines() -> None:
    key = pem()
    masked, count = mask_secrets(f"before\n{key}\nafter\n")
    lines = masked.split("\n")
    assert count == 1
    assert lines == [
        "before",
        "-----BEGIN RSA PRIVATE KEY-----",
        "[masked: private-key]",
        *[""] * 5,
        "-----END RSA PRIVATE KEY-----",
        "after",
        "",
    ]


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\\n", '\\n" +\n    "', "\n# "])
def test_no_line_of_a_private_key_is_left_in_any_notation(kind: str, newline: str) -> None:
    key = pem(kind)
    masked, count = mask_secrets('{"key": "' + key.replace("\n", newline) + '"}')
    assert count == 1
    assert not any(line in masked for line in key.split("\n")[1:-1])
    assert f"-----BEGIN {kind}-----" in masked
    assert f"-----END {kind}-----" in masked
    assert masked.count("\n") == key.replace("\n", newline).count("\n")


def test_a_private_key_without_an_end_line_is_masked() -> None:
    masked, count = mask_secrets(pem().rsplit("\n", 2)[0] + "\n\ndef the_function_that_follows(): ...\n")
    assert count == 1
    assert noise(64, BASE64, "4") not in masked
    assert "def the_function_that_follows(): ..." in masked


def test_several_secrets_are_counted_and_masked_in_place() -> None:
    token = CREDENTIALS["github-token"]
    text = f"a = '{token}'\nb = 'é{CREDENTIALS['npm-token']}'\nc = '😀 {token}'\n"
    masked, count = mask_secrets(text)
    assert count == 3
    assert masked == "a = '[masked: github-token]'\nb = 'é[masked: npm-token]'\nc = '😀 [masked: github-token]'\n"


def test_a_token_inside_a_url_is_masked_once() -> None:
    masked, count = mask_secrets(f"https://x-access-token:{CREDENTIALS['github-token']}@github.com/a/b")
    assert (masked, count) == ("https://x-access-token:[masked: github-token]@github.com/a/b", 1)


def test_a_secret_is_found_that_masking_another_one_brings_near_its_providers_name() -> None:
    # The token is hexadecimal, so that it cannot contain "aws".
    secret, token = noise(40, BASE64), CREDENTIALS["digitalocean-token"]
    masked, count = mask_secrets(f"aws{' ' * 15}{token} {secret}")
    assert (masked, count) == (f"aws{' ' * 15}[masked: digitalocean-token] [masked: aws-secret-key]", 2)


PIECES = st.one_of(
    st.sampled_from([*CREDENTIALS.values(), *(credential for _, credential in VARIANTS)]),
    st.sampled_from([pem(), pem("PRIVATE KEY", 1), noise(40, BASE64), noise(32, HEX), UUID]),
    st.sampled_from(["aws", "heroku ", "twilio=", "://", "user:", ":", "@", "host", "-----BEGIN ", "PRIVATE KEY-----"]),
    st.sampled_from(["\n", "\r\n", "\\n", " ", '"', "[masked: ", "]", "~", "_", "-", "eyJ", "ccountKey=", "\ud800"]),
    st.text(max_size=8),
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_masking_twice_changes_nothing_and_moves_no_line(text: str) -> None:
    once, count = mask_secrets(text)
    assert mask_secrets(once) == (once, 0)
    assert [*map(once.count, ("\n", "\r"))] == [*map(text.count, ("\n", "\r"))]
    assert len(once.splitlines()) == len(text.splitlines())
    assert (count == 0) == (once == text)


def test_auroras_own_source_has_nothing_to_mask() -> None:
    root = Path(aurora_dev.__file__).parent
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert mask_secrets(text) == (text, 0), path


@pytest.mark.parametrize(
    "unit", ["eyJ", "sk-", "://a:", "aws ", "-----BEGIN PRIVATE KEY-----\n", "A" * 64 + "\n", "xoxb-", "@~"]
)
def test_hostile_repetition_takes_linear_time(unit: str) -> None:
    small, large = (unit * (size // len(unit)) for size in (40_000, 320_000))

    def seconds(text: str) -> float:
        start = time.perf_counter()
        mask_secrets(text)
        return time.perf_counter() - start

    # The text is eight times as long; quadratic time would be sixty-four times as much.
    assert min(seconds(large) for _ in range(2)) < 30 * max(min(seconds(small) for _ in range(3)), 0.002)


PASSWORD = "kQ7v" + "X2mNpL"
TOKEN = "Zt5kP9wR" + "q3LmX8vB" + "2nHs6TdY"
HEX_KEY = noise(32, HEX, "h")
BASIC = base64.b64encode(f"deploy:{PASSWORD}9z".encode()).decode()
ENCODED = base64.b64encode(PASSWORD.encode()).decode()


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('password = "{}"', PASSWORD),
        ("password: '{}'", PASSWORD),
        ("DB_PASSWORD={}\n", PASSWORD),
        ("  POSTGRES_PASSWORD: {}\n", PASSWORD),
        ("      - MYSQL_ROOT_PASSWORD={}\n", PASSWORD),
        ('api_token = "{}"', TOKEN),
        ("spring.datasource.password={}\n", PASSWORD),
        ("    password: {}\n", PASSWORD),
        ("Authorization: Basic {}", BASIC),
        ('curl -H "Authorization: Basic {}" https://api.internal/x', BASIC),
        ('curl -H "Authorization: Bearer {}" https://api/x', TOKEN),
        ("curl -u deploy:{} https://nexus.internal/repo", PASSWORD),
        ('curl -s --user "deploy:{}" https://nexus.internal/repo', PASSWORD),
        ("jdbc:postgresql://db:5432/shop?user=app&password={}", PASSWORD),
        ("jdbc:sqlserver://db:1433;databaseName=x;user=sa;password={};encrypt=true", PASSWORD),
        ('"Driver={ODBC Driver 17};Server=db;UID=app;PWD={};"', PASSWORD),
        ("Server=db;Database=shop;User Id=app;Password={};", PASSWORD),
        ("apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  username: YWRtaW4=\n  password: {}\n", ENCODED),
        ("machine github.com login deploy password {}", PASSWORD),
        ('  password = "{}"\n', PASSWORD),
        ('<add key="Password" value="{}" />', PASSWORD),
        ("<password>{}</password>", PASSWORD),
        ('- name: DB_PASSWORD\n  value: "{}"\n', PASSWORD),
        ('os.environ["DB_PASSWORD"] = "{}"', PASSWORD),
        ('const dbPassword = "{}";', PASSWORD),
        ('String password = "{}";', PASSWORD),
        ('.setPassword("{}")', PASSWORD),
        ("$config['db_password'] = '{}';", PASSWORD),
        ("'password' => '{}',", PASSWORD),
        ("define('DB_PASSWORD', '{}');", PASSWORD),
        ("ENV API_KEY={}\n", TOKEN),
        ("ARG NPM_TOKEN={}\n", TOKEN),
        ('api_key: "{}"', HEX_KEY),
        ("client_secret='{}'", TOKEN),
        ('"clientSecret": "{}"', TOKEN),
        ("x-api-key: {}", TOKEN),
        ("apikey={}&x=1", TOKEN),
        ("requirepass {}\n", PASSWORD),
        ("smtp_pass: {}\n", PASSWORD),
        ("MAIL_PASS={}\n", PASSWORD),
        ("mysql -h db -u root --password={} shop", PASSWORD),
        ("PGPASSWORD={} psql", PASSWORD),
        ("sshpass -p {} ssh x", PASSWORD),
        ('ConnectionStrings__Default="Host=db;Username=app;Password={}"', PASSWORD),
        ('db_password: str = "{}"', PASSWORD),
        ("encryption_key: {}\n", HEX_KEY),
        ('webhook_secret: "{}"', TOKEN),
        ('access_token: "{}"', TOKEN),
        ('private_token = "{}"', TOKEN),
        ('"refresh_token":"{}"', TOKEN),
        ('conn = psycopg2.connect(host="db", user="app", password="{}")', PASSWORD),
        ("rabbitmq.default_pass = {}", PASSWORD),
        ("adminPassword: {}", PASSWORD),
        ('\\"password\\": \\"{}\\"', PASSWORD),
        ("WITH PASSWORD '{}'", PASSWORD),
        ('password = "{}"', "correct-" + "Horse!9"),
        ("SECRET_KEY = '{}'", "django-insecure-" + "8x!q@z#k$1v&m*n(p)w_e+r=t-y2u4i6o"),
        ("  dsn: postgres://app:{}@db.internal/shop", "kQ7v$X2mNpL"),
        ("mongodb+srv://svc:{}@cluster0.abcde.mongodb.net", "Zt5(kP)9w"),
        ("amqp://svc:{}@mq.internal", "kQ7v/X2mNpL"),
        ("postgres://app:{}@db.internal/shop", "kQ7v#X2mNpL"),
        ("postgres://app:{}@db.internal/shop", "kQ7v@X2mNpL"),
        ("mysql://app:{}@db.internal/shop", "kQ7v[X2mNpL"),
        ("https://deploy:{}@api.example.com/v1", "kV8r2qZx"),
        ("https://{}@git.internal/x.git", "kQ7vX2mN" + "pL9zR4tY8uW1"),
        ("aws_session_token = {}", "IQoJb3JpZ2luX2Vj" + noise(300, BASE64)),
        ("client-key-data: {}", "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVk" + noise(200, ALNUM)),
    ],
)
def test_a_secret_in_a_settings_file_or_command_is_masked_whole(text: str, secret: str) -> None:
    before, after = text.split("{}")
    masked, count = mask_secrets(before + secret + after)
    assert count == 1
    assert secret[-4:] not in masked
    assert masked.startswith(before)
    assert masked.endswith(after)
    assert re.fullmatch(r"\[masked: [a-z-]+\]", masked[len(before) : len(masked) - len(after)])
    assert mask_secrets(masked) == (masked, 0)


@pytest.mark.parametrize(
    "text",
    [
        'password = os.environ["X1"]',
        "password = getpass()",
        'password = getpass.getpass("Password1: ")',
        'password: "changeme"',
        "password=<password>",
        "password = ${DB_PASSWORD1}",
        "password = None",
        'def f(password: str = "x") -> None',
        "password: Optional[str] = None",
        '"Password:"',
        'label: "Password"',
        '"password": "Enter your password 2"',
        "password: { type: string }",
        "PASSWORD_MIN_LENGTH = 12",
        'password_field = "user2[password]"',
        "token = next_token(5)",
        'key = "user:123:profile"',
        'cache_key = "a8f5f167f44f4964e6c998dee827110c"',
        'token_type = "bearer"',
        'primary_key="id2"',
        'api_key = "YOUR_API_KEY1"',
        'secret = request.form["secret1"]',
        'SECRET_KEY = config("SECRET_KEY2")',
        'public_key = "9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit"',
        'password: "{{ vault_db_password1 }}"',
        "password = self.password2",
        '"password": "Passwort"',
        '"password": "Mot de passe"',
        'password: "Contraseña"',
        'key: "ctrl+shift+p"',
        '"key": "value-123"',
        "sort_key = lambda x: x[1]",
        'token: "</s>"',
        "secretName: my-tls-2",
        "key: tls.key2",
        "password: required|min:8",
        "password: yup.string().min(8)",
        'if password == "abc":',
        "tokens = 123456789",
        "max_tokens: 4096",
        '"token": 50256',
        'password="test1234"',
        'password = "hunter2"',
        'monkey = "banana-12"',
        'assert token == "abc123"',
        "-p 5432:5432",
        "PWD=/srv/u1",
        'password = "********"',
        "password = b64decode(x1)",
        "key=key_1",
        '<input type="password" name="password" id="password1">',
        'password_hash = "$2b$12$KIXQ"',
        "id_token_signed_response_alg: RS256",
        '"api_key": "string"',
        'sha = "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c"',
        "idempotency_key: 123e4567-e89b-12d3-a456-426614174000",
        'token = "2024-01-01T00:00:00Z"',
        "the key is 42 and token 7 is used",
        "API key: see https://x.io/docs/2",
        "password: str = Field(..., min_length=8)",
        'key = f"{a}:{b}:1"',
        'partition_key = "tenant#9f8e7d6c5b4a3928"',
        'keyboard = "qwerty12"',
        'key_id = "projects/p1/keys/k2"',
        'kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/9f8e7d6c-5b4a-3928-1706-f5e4d3c2b1a0"',
        "password-stdin 1",
        '"passwordPolicy": "min-8-chars"',
        "secrets: inherit",
        "password: ${{ secrets.NPM_TOKEN1 }}",
        "password = var.db_password1",
        "password = data.aws_secret.x.secret_string1",
        "password = random_password.db[0].result",
        "password: !Ref DBPassword1",
        "password: {{ .Values.password1 | b64enc }}",
        'translate("password", "Password12")',
        "password_reset_token_lifetime = 3600",
        "SKU: SK12345",
        "mongodb://localhost:27017/db?key=1",
        "# see heroku docs, request id " + UUID,
        "twilio sdk md5 " + noise(32, HEX),
        "SKU id SK" + noise(32, HEX),
    ],
)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert mask_secrets(text) == (text, 0)


def test_a_putty_key_loses_its_private_lines_and_keeps_their_number() -> None:
    text = "PuTTY-User-Key-File-3: ssh-ed25519\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 2\n{}\n{}\nPrivate-MAC: 0\n"
    masked, count = mask_secrets(text.format(noise(64, BASE64), noise(20, BASE64)))
    assert count == 1
    assert masked == text.format("[masked: private-key]", "")


def test_a_value_in_metadata_is_judged_by_its_name() -> None:
    assert mask_named("password", PASSWORD) == ("[masked: password]", 1)
    assert mask_named("branch", PASSWORD) == (PASSWORD, 0)


WORDS = ("Sommer", "2024", "!")
WORD = "".join(WORDS)
PLAIN = "sword" + "fish"


@pytest.mark.parametrize(
    "frame",
    [
        # password files
        "db.internal:5432:shop:app:{}",
        "*:*:*:postgres:{}\n",
        "machine api.internal\n  login deploy\n  password {}\n",
        "[mail.internal]:587 app:{}\n",
        # commands
        "redis-cli -h cache.internal -a {} ping",
        "redis-cli -a '{}' --no-auth-warning",
        'echo "{}" | docker login -u deploy --password-stdin registry.internal',
        "docker login -u deploy -p {} registry.internal",
        "printf '%s' '{}' | helm registry login -u x --password-stdin r.internal",
        "mysql -u root -p{} shop < dump.sql",
        "mysqldump -h db -uapp -p'{}' shop",
        "sqlcmd -S db -U sa -P '{}' -Q 'select 1'",
        "mongosh mongodb://db -u admin -p {} --authenticationDatabase admin",
        "sshpass -p{} scp a b:",
        "htpasswd -bc /etc/nginx/.htpasswd admin '{}'",
        "ldapsearch -x -D cn=admin -w '{}'",
        "smbclient //srv/share -U app%{}",
        "xfreerdp /u:admin /p:{} /v:srv",
        "openssl rsa -in key.pem -passin pass:{}",
        "keytool -genkey -keypass {} -alias a",
        "echo 'root:{}' | chpasswd",
        "sudo -S <<< {}",
        "net user deploy {} /add",
        "az login --service-principal -u app -p {} --tenant t",
        'gh secret set DB_PASSWORD --body "{}"',
        "curl -u admin:{} -X POST localhost:9200/_search",
        "masterauth {}\n",
        "snmp-server community {} RO",
        "enable secret {}\n",
        "username admin password 0 {}\n",
        # SQL
        "CREATE USER 'app'@'%' IDENTIFIED BY '{}';",
        'ALTER USER app IDENTIFIED BY "{}";',
        "CREATE LOGIN app WITH PASSWORD = N'{}';",
        # calls
        'smtp.login("bot@corp.internal", "{}")',
        'requests.get(url, auth=HTTPBasicAuth("deploy", "{}"))',
        'auth=("deploy", "{}")',
        'new NetworkCredential("app", "{}")',
        'DriverManager.getConnection(url, "app", "{}")',
        "new mysqli('localhost', 'app', '{}')",
        '$pass = ConvertTo-SecureString "{}" -AsPlainText -Force',
        "cy.get('#password').type('{}')",
        'expect "Password:"; send "{}\\r"',
        # settings
        'var password string = "{}"',
        "wpa_passphrase={}\n",
        'psk="{}"',
        'pw = "{}"',
        '<bean><property name="password"><value>{}</value></property></bean>',
        "Server=db;Uid=app;Pwd={};",
        "BASIC_AUTH=admin:{}\n",
        "terraform apply -var db_password={}",
        "POSTGRES_PASSWORD=${POSTGRES_PASSWORD:-{}}\n",
        # prose
        "the staging password is {}",
        'The staging password is "{}", please rotate it.',
        "password for the jenkins admin user: {}",
        "use {} as the password for the demo box",
        "log in with admin / {}",
        "hey, the wifi password's {} btw",
        "the db pw is {}",
        "Das Passwort f\u00fcr den Server lautet {}",
        "le mot de passe est {}",
        "la contrase\u00f1a es {}",
        "Login failed for user app with password {}",
    ],
)
@pytest.mark.parametrize("password", [PASSWORD, WORD])
def test_a_password_is_masked_whole_wherever_its_place_says_what_it_is(frame: str, password: str) -> None:
    before, after = frame.split("{}")
    masked, count = mask_secrets(before + password + after)
    assert (masked, count) == (before + "[masked: password]" + after, 1)


@pytest.mark.parametrize(
    "frame",
    [
        "redis-cli -a {}",
        "mysql -uroot -p{}",
        "CREATE USER app IDENTIFIED BY '{}';",
        'password = "{}"',
        "DB_PASSWORD={}\n",
        "<password>{}</password>",
        "jdbc:mysql://db/shop?user=app&password={}",
        '.login("app", "{}")',
    ],
)
def test_a_password_of_one_word_is_masked_where_nothing_else_can_stand(frame: str) -> None:
    before, after = frame.split("{}")
    assert mask_secrets(before + PLAIN + after) == (before + "[masked: password]" + after, 1)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('{"pwd": "{}"}', "back" + '\\\\slash\\"quote9'),
        ("password: '{}'", "it''s" + "4me!x"),
        ("DB_PASSWORD={}\n", 'pa"ss' + "'w;rd(1"),
        ('MAIL_PASSWORD="{}"', "s0me " + "#hash in it"),
        ('passphrase = "{}"', "correct horse " + "battery staple"),
        ("Driver={SQL};Server=db;Uid=app;Pwd={};Encrypt=yes", "{Xy;9" + "=zz!}"),
        ("postgres://app:{}@db:5432/app", "p@ss:w" + "/rd9"),
        ("curl --user 'admin:{}' -k https://10.0.0.1/api", "w1r sind" + "!hier"),
    ],
)
def test_a_password_with_quotes_signs_or_blanks_is_masked_whole(text: str, secret: str) -> None:
    masked, count = mask_secrets(text.replace("{}", secret))
    assert count == 1
    assert not any(secret[at : at + 4] in masked for at in range(len(secret) - 3))


@pytest.mark.parametrize(
    ("text", "secret", "label"),
    [
        ("Authorization: Basic {}", base64.b64encode(b"a:" + b"kQ7vX2").decode(), "basic-auth"),
        ("Authorization: SSWS {}", noise(42, URLSAFE), "bearer-token"),
        ("deploy:{}", "$apr1$" + noise(8, ALNUM) + "$" + noise(22, ALNUM), "password-hash"),
        ('Client("AC' + noise(32, HEX) + '", "{}")', noise(32, HEX, "t"), "twilio-auth-token"),
        ("the API key is {}, renew it in May", HEX_KEY, "token"),
    ],
)
def test_a_credential_beside_its_scheme_or_user_is_masked(text: str, secret: str, label: str) -> None:
    assert mask_secrets(text.replace("{}", secret)) == (text.replace("{}", f"[masked: {label}]"), 1)


@pytest.mark.parametrize(
    "text",
    [
        "the password is required",
        "The password is 12 characters long.",
        "passwords are hashed with argon2id",
        "Make sure that the password is unique and case-sensitive.",
        "password: string",
        "'password' => 'required|min:8'",
        'password = "password_confirmation"',
        "docker run -u 1000 -p 8080:80 nginx",
        "docker login -u deploy -p $REGISTRY_PASSWORD registry.internal",
        "mysql -u root -p shop < dump.sql",
        "mysql -u USER -pPASSWORD database",
        'redis-cli -a "$REDIS_PASSWORD" ping',
        "CREATE USER app IDENTIFIED BY '<password>';",
        "curl -u $USER:$TOKEN https://x.internal",
        'login("user", "password")',
        "def login(user, password): ...",
        "localhost:5432:5432",
        "minisign public key RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
        "MYSQL_ROOT_PASSWORD=${MYSQL_ROOT_PASSWORD:?not set}",
        '"password": "Passwort vergessen?"',
        "echo hello | docker build -",
        "パスワードは8文字以上で入力してください",
        "use a strong one as the password",
        "log in with GitHub / GitLab",
        "To see all frames, pass `--full-trace`.",
        "pass `dtype='float32'` to convert",
        "words = ['pass', 'pixelfragment', 'pwd', 'quickcheck']",
        "a type that can be identified by reference",
        'MovedAttribute("proxy_bypass", "urllib", "urllib.request")',
        "private_key: ed25519.Ed25519PrivateKey",
        "auth: httpx._types.AuthTypes = httpx.USE_CLIENT_DEFAULT",
        "a pattern on >=3.2.1",
        "The --username and --password options are not used.",
    ],
)
def test_talk_about_passwords_and_references_to_them_stay(text: str) -> None:
    assert mask_secrets(text) == (text, 0)


@pytest.mark.parametrize(
    "unit",
    [
        "password=",
        "password='",
        "key=1 ",
        "kind: Secret\ndata:\n  a: eA==\n",
        "://a@b",
        "curl -u a:b://",
        "Bearer a1 ",
        "auth=",
        "mysql -p ",
        "the password is 1 ",
        'login("a",',
        "a:5432:b:c:",
        "login a / b ",
    ],
)
def test_hostile_assignments_take_linear_time(unit: str) -> None:
    small, large = (unit * (size // len(unit)) for size in (60_000, 120_000))

    def seconds(text: str) -> float:
        start = time.process_time()
        mask_secrets(text)
        return time.process_time() - start

    # Quadratic time gives 4 in every pair; a busy machine slows some of them.
    assert min(seconds(large) / max(seconds(small), 0.02) for _ in range(5)) < 2.5


def test_the_first_texts_are_looked_up_without_the_table_and_alike() -> None:
    text = (Path(__file__).read_bytes() * 9)[:400_000]
    masking._prefilter.cache_clear()
    prefilter = masking._prefilter()
    before = list(prefilter.candidates(text[:50_000]))
    assert prefilter._tables is None
    list(prefilter.candidates(text))
    assert prefilter._tables is not None
    assert before
    assert list(prefilter.candidates(text[:50_000])) == before


# Looks for compiled expressions and loaded packages in a fresh process.
_FIRST_USE = """
import sys
from aurora_dev.core.text.secrets import mask_secrets, masking
from aurora_dev.core.text.secrets.edits import LazyPattern
made = []
LazyPattern.match, match = lambda self, *place: made.append(self.source) or match(self, *place), LazyPattern.match
assert mask_secrets(sys.argv[1]) == (sys.argv[1], 0)
print(len(made), "numpy" in sys.modules, len(masking._prefilter()._rules))
"""


def test_the_first_note_of_a_process_compiles_no_rule_and_looks_up_few_anchors() -> None:
    note = "Use FAISS for the local backend: the reranker reads 50 results, and nothing leaves the machine."
    done = subprocess.run([sys.executable, "-c", _FIRST_USE, note], capture_output=True, text=True, check=True)
    compiled, numpy, anchors = done.stdout.split()
    assert (compiled, numpy) == ("0", "False")
    # A literal of one or two characters that goes on with anything would be 50,000 anchors, and a second to make them.
    assert int(anchors) < 8_000


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("akiaakia AKIA{}", noise(16, UPPER, "fold")),
        ("SKskSK{}", None),
        ("export DBPW={}", "Sorrel" + "-Wren4" + "!x"),
        ("export dbpw={}", "Sorrel" + "-Wren4" + "!x"),
        ("Authorization: AWS4-HMAC-SHA256 SignedHeaders=host, Signature={}", noise(64, HEX, "aws4")),
    ],
)
def test_anchors_in_another_case_find_what_counts_in_any_case_and_nothing_else(text: str, secret: str | None) -> None:
    shown = mask_secrets(text.replace("{}", secret or noise(32, UPPER)))[0]
    assert ("[masked" in shown) == (secret is not None)
    assert secret is None or secret not in shown


PASSWORD = "Sorrel" + "-Wren4" + "!x"
KEY_HEX = noise(32, HEX, "call")
SEED_WORDS = "lamp orbit cactus velvet drum sponge rail misty goat humble prize anchor"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("INSERT INTO users (email, password) VALUES ('a@b.test', '{}');", PASSWORD),
        ("INSERT INTO t (password, id) VALUES ('none', 1), ('{}', 2);", PASSWORD),
        ("| host | user | password |\n|---|---|---|\n| db1 | root | {} |\n", PASSWORD),
        ("user,password,role\nalice,{},admin\n", PASSWORD),
        ('PASSWORDS = {"alice": "{}", "bob": "none"}', PASSWORD),
        ("seed phrase (testnet): {}\n", SEED_WORDS),
        ("signer = Wallet.fromPhrase('{}');", SEED_WORDS),
        ("Recovery codes:\n\n{}\n81f20-77ab3\n", "4c1d9-0b7e2"),
        ("Use `admin:{}@10.1.1.5:8080` to log in.", PASSWORD),
        ("net use Z: " + 2 * chr(92) + "nas" + chr(92) + "hr {} /user:hr", PASSWORD),
        ("tool deploy --token {} --dry-run", "q7Zt4Kd2"),
        ('mixpanel.init("{}");', KEY_HEX),
        ("$client = new Client('{}');", KEY_HEX),
        ("jwt.sign(payload, '{}', { expiresIn: '1h' });", PASSWORD),
        ('crypto.createHmac("sha256", "{}");', PASSWORD),
        ('new NetworkCredential("svc", "{}", "CORP");', PASSWORD),
        ('totp = pyotp.TOTP("{}")', "JBSWY3DPEHPK3PXPKRSX"),
        ('url = "acme_live_{}"', noise(28, ALNUM, "kind")),
        ("> AUTH {}\n+OK\n", PASSWORD),
        ("https://b.s3.test/k?X-Amz-Signature={}", noise(64, HEX, "signature")),
        ("https://x.test/reset?token={}", noise(40, HEX, "query")),
        ('{"name": "X-Auth-Token", "value": "{}"}', noise(32, ALNUM, "header")),
        ('<add key="RelayToken" value="{}"/>', noise(32, ALNUM, "element")),
        ("**Password:** {}\n", PASSWORD),
        ("chpasswd:\n  list: |\n    ubuntu:{}\n", PASSWORD),
    ],
)
def test_a_credential_is_found_by_its_column_its_list_or_the_call_that_takes_it(text: str, secret: str) -> None:
    masked, count = mask_secrets(text.replace("{}", secret))
    assert secret not in masked
    assert count >= 1


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO users (name, password) VALUES (?, ?);",
        "INSERT INTO users (password, name) VALUES (crypt($1), 'Wren-4!x');",
        "| option | password | notes |\n|---|---|---|\n| x | required | none |\n",
        "name,password_hint,role\nalice,Wren-4!x,admin\n",
        "passwords = {'min_length': '12'}",
        "mnemonic device: my very educated mother just served us nine pizzas with the cheese today\n",
        "Recovery codes can be created on the security page, 10 codes of 8 digits.",
        "npm:left-pad1@1.3.0 and docker://alpine:3.19@sha256:" + noise(64, HEX),
        'client = Client("https://api.corp.test/v2/users")',
        "jwt.verify(token, publicKey)",
        "keyring.get_password('aurora', 'main')",
        "tool --token-type bearer --key-size 4096 --api-key-env OPENAI_API_KEY",
        "test_api_key_rotation_20240101 passed",
        'self._make_token("PPPRAGMA", "pragma", place)',
    ],
)
def test_tables_lists_and_calls_without_a_credential_stay(text: str) -> None:
    assert mask_secrets(text) == (text, 0)


@pytest.mark.parametrize(
    "unit",
    [
        "insert into a (password) values ('x1y2'),",
        "| password |\n|---|\n",
        "a,password\nb,c\n",
        "backup code ab12 ",
        "mnemonic lamp orbit ",
        "ab:c1d2@e.f ",
        'client("a", ',
        "passwords={'a':'b1c2',",
        "_api_",
        "> AUTH a1 ",
    ],
)
def test_hostile_tables_and_calls_take_linear_time(unit: str) -> None:
    small, large = (unit * (size // len(unit)) for size in (10_000, 20_000))

    def seconds(text: str) -> float:
        start = time.process_time()
        mask_secrets(text)
        return time.process_time() - start

    # Quadratic time gives 4 in every pair; a busy machine slows some of them.
    assert any(seconds(large) / max(seconds(small), 0.02) < 2.5 for _ in range(5))
