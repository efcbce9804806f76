"""Made-up credentials of many providers, formats and languages, cut into pieces by "·" until they are used."""

from __future__ import annotations

import hashlib

import pytest

from aurora_dev.core.text.secrets import mask_secrets

LOWER = "abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
ALPHABETS = {
    "a": LOWER + DIGITS,
    "A": LOWER + LOWER.upper() + DIGITS,
    "U": LOWER.upper() + DIGITS,
    "b": LOWER + LOWER.upper() + DIGITS + "+/",
    "d": DIGITS,
    "h": DIGITS + "abcdef",
    "u": LOWER + LOWER.upper() + DIGITS,
}


def filled(shape: str) -> str:
    """Return a token of a shape such as ``acme_·A32``: the same in every run."""
    parts = shape.split("·")
    out = parts[0]
    for number, part in enumerate(parts[1:]):
        alphabet, rest = ALPHABETS[part[0]], part[1:].lstrip(DIGITS)
        length = int(part[1 : len(part) - len(rest)])
        noise = b"".join(hashlib.sha256(f"{shape}/{number}/{i}".encode()).digest() for i in range(1 + length // 32))
        out += "".join(alphabet[byte % len(alphabet)] for byte in noise[:length]) + rest
    return out


UUID = "·h8-·h4-·h4-·h4-·h12"


@pytest.mark.parametrize(
    "shape",
    [
        "odt_·A32",
        "shltm_·u40",
        "na1.·b100",
        "NF-·A32",
        "VF.DM.·h24.·A16",
        "BBFF-·A30",
        "1000.·h32.·h32",
        "hawk.·u20.·u20",
        "00D·A12!·A96",
        "KEY0·d31_·A22",
        "xnd_production_·A40",
        "skey_test_·a19",
        "sk_sbox_·a26",
        "APP_USR-·d16-·d6-·h32-·d9",
        "syt_·A12_·A20_·A6",
        "y0_·u56",
        "essu_·A60",
        "AstraCS:·A24:·h64",
        "fnA·u37",
        "ory_pat_·A32",
        "sktsec_·u40",
        f"luma-{UUID}-{UUID}",
        "key_·h128",
        "crsr_·h64",
        "dtn_·h64",
        "sk-let-·A40",
        "m0-·A40",
        "nk-·u43",
        "act.·A60",
        f"RGAPI-{UUID}",
        "amzn1.oa2-cs.v1.·h64",
        "Atza|·b200",
        "pk_·h34",
        "api_·A22.·A22",
        "secret-·A43",
        "configcat-sdk-1/·A22/·A22",
        "ser.·A22",
        "os_v2_app_·a60".replace("·a60", "·h60").replace("·h60", "mq5tz" * 12),
        "sec-c-·A47",
        "ddapp_·A34",
        f"api-{UUID}",
        "·a10msh·a15p1·a6jsn·a12",
        "signkey-prod-·h64",
        "pat·A14.·h64",
        "mfa.·u84",
    ],
)
def test_a_token_with_a_known_shape_is_masked_anywhere(shape: str) -> None:
    token = filled(shape)
    for text in ("retried with {} on Monday", "  SVC_CONF: {}\n", 'start("{}", 3)'):
        assert token not in mask_secrets(text.replace("{}", token))[0]


@pytest.mark.parametrize("shape", ["acme_·A32", "polar_oat_·A43", "gta_·A40", "zq7-·A36", "tool_v2_·a44"])
def test_a_long_random_run_after_a_short_prefix_is_a_token(shape: str) -> None:
    token = filled(shape)
    for text in ("retried with {} on Monday", "  SVC_CONF: {}\n", "x={};"):
        assert mask_secrets(text.replace("{}", token))[0] == text.replace("{}", "[masked: token]")


@pytest.mark.parametrize(
    "text",
    [
        "https://cdn.test/a/logo_·A34.png",
        "sha512-·b86==",
        "chatcmpl-·A34",
        "file_·A36",
        "acme_·h64",
        "trace_·A32",
        "msg_01·A30",
        "Button_root__·A12",
        "chunk-·A32.js",
        "stats.py,sha256=wa4-·A38,1496",
        "etag: ab_·A40",
        "acme_getHTTPResponseWithoutWaitingForAnswer2",
    ],
)
def test_files_checksums_and_identifiers_stay(text: str) -> None:
    assert mask_secrets(filled(text)) == (filled(text), 0)


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        # blocks and tags of YAML
        ("password: |\n  harvest·moon77\n", ["harvest·moon77"]),
        ("password: |\n  bl0ck.·Scalar9\n", ["bl0ck.·Scalar9"]),
        ("db:\n  password: >-\n    folded-·Wren·7x\n  user: a\n", ["folded-·Wren·7x"]),
        ("apiKey: |-\n  aG9yc2U3·YmF0dGVyeTlzdGFwbGU0Y29ycmVjdA\n", ["aG9yc2U3·YmF0dGVyeTlzdGFwbGU0Y29ycmVjdA"]),
        ('db_password: !unsafe "Kestrel·-88-moor"\n', ["Kestrel·-88-moor"]),
        # password files and directories
        (': XAUTH "Ox.bow·-lake7"\n', ["Ox.bow·-lake7"]),
        ('carol : EAP "Ar3Very·Long!"\n', ["Ar3Very·Long!"]),
        ('"client" * "s3chap·.Fig" *\n', ["s3chap·.Fig"]),
        ('ldap_bind_credentials: "Quartz·!mine4"', ["Quartz·!mine4"]),
        ("BIND_CREDENTIAL=ambr0sia·-Kelp\n", ["ambr0sia·-Kelp"]),
        ("rwcommunity n3tw·0rk-rw\n", ["n3tw·0rk-rw"]),
        ("snmp_community: n3tw·0rk-ro\n", ["n3tw·0rk-ro"]),
        # command lines
        ("SSHPASS=Cedar-·Gate55 sshpass -e ssh root@h", ["Cedar-·Gate55"]),
        ("set -x DB_PASS gr3b3·-Lake", ["gr3b3·-Lake"]),
        ("mysqladmin -u root password pl0ver·8Sand", ["pl0ver·8Sand"]),
        ("useradd -p $(openssl passwd -1 ch1ff·chaff) bob", ["ch1ff·chaff"]),
        ("curl --cookie 'sessionid=q3v8k1m7z5·x2c9b4n6w0e8r2' https://a.test/", ["q3v8k1m7z5·x2c9b4n6w0e8r2"]),
        ('set security ike policy p pre-shared-key ascii-text "tunn3l·-Vision"', ["tunn3l·-Vision"]),
        ('export BORG_PASSPHRASE="n1ght·ingale song"', ["n1ght·ingale song"]),
        ("openssl aes-256-cbc -K 4247B962311D·BC4042680E971B79CA4E -in k", ["4247B962311D·BC4042680E971B79CA4E"]),
        ("security unlock-keychain -p Red·start!2 login.keychain", ["Red·start!2"]),
        ("set password ENC ZPtlZF2ELEZm·rb7XbWtDV3Ini4lng4==\n", ["ZPtlZF2ELEZm·rb7XbWtDV3Ini4lng4=="]),
        # code and data
        ("<passphrase>Smew&amp;·Ice4</passphrase>", ["Smew&amp;·Ice4"]),
        ("- name: ADMIN_PASSWORD\n  value: chough·-Ledge\n", ["chough·-Ledge"]),
        ("JWT_SECRET=night·jar-churrs-near-dusk\n", ["night·jar-churrs-near-dusk"]),
        ('AES.new(b"2vcSI9hK·nbSN9VQt", AES.MODE_CBC, iv)', ["2vcSI9hK·nbSN9VQt"]),
        ('cx_Oracle.connect("hr", "pipit·_Moor2", "db:1521/x")', ["pipit·_Moor2"]),
        (
            "INSERT INTO u VALUES (1,'a','$P$BpqqUKnI·UVWHyZuQT4tiP57o2VV2KVg','m');",
            ["$P$BpqqUKnI·UVWHyZuQT4tiP57o2VV2KVg"],
        ),
        ("<<<\x1b[93msk-615ef545ca61·4a551e55d61834db0ef4\x1b[0m", ["615ef545ca61·4a551e55d61834db0ef4"]),
        ('WiFi.begin("HomeNet", "st0at·-Weasel");', ["st0at·-Weasel"]),
        ('auth_basic_user: "ops:gr4fana·-Board"', ["gr4fana·-Board"]),
        (
            '{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1·qzKObwVMkoqQEstJQLrT"}',
            ["AyM1SysPpbyDfgZld3umj1·qzKObwVMkoqQEstJQLrT"],
        ),
        ('{"kty": "EC", "x": "f83OJ3D2", "d": "jpsQnnGQmL·YBIffH1136cspYG6"}', ["jpsQnnGQmL·YBIffH1136cspYG6"]),
        (
            '{"github-oauth": {"github.com": "8c1f0e2d4b6a79·583e1d0c2b4a69788f7e6d5c4b"}}',
            ["8c1f0e2d4b6a79·583e1d0c2b4a69788f7e6d5c4b"],
        ),
        # sentences
        ("pw for the nas: Chough·-22", ["Chough·-22"]),
        ("hey use user demo pass jack·daw42!", ["jack·daw42!"]),
        ("your OTP secret is MZXW6YTB·OI2DKNRX, scan it", ["MZXW6YTB·OI2DKNRX"]),
        ("wifi: corp-guest / Carrion·+Crow1", ["Carrion·+Crow1"]),
        ("I changed the root password from f1rst·-One to s3cond·-Two", ["f1rst·-One", "s3cond·-Two"]),
        ("Passphrase for the deploy key: seven purple badgers· dancing", ["seven purple badgers· dancing"]),
        ("token for staging → 8d7f6e5c4b3a29·180716253443526170", ["8d7f6e5c4b3a29·180716253443526170"]),
        ("Zugangsdaten: admin / Kirsch·!Torte9", ["Kirsch·!Torte9"]),
        ("identifiants : deploy / L4vande·.bleue", ["L4vande·.bleue"]),
        ("Connecte-toi avec le mot de passe « P0mme·-terre »", ["P0mme·-terre"]),
        ("La password di produzione è L4m·pone!", ["L4m·pone!"]),
        ("Hasło do bazy to Wiewi·0rka!", ["Wiewi·0rka!"]),
        ("Пароль от базы: Snego·pad_17", ["Snego·pad_17"]),
        ("비밀번호는 Kim·chi!234 입니다", ["Kim·chi!234"]),
        ("lösenordet är Björk·-89x", ["Björk·-89x"]),
        ("şifre: Kahve·.tane6", ["Kahve·.tane6"]),
    ],
)
def test_a_credential_that_its_place_gives_away_is_masked(text: str, secrets: list[str]) -> None:
    shown = mask_secrets(text.replace("·", ""))[0]
    assert [secret for secret in secrets if secret.replace("·", "") in shown] == []


@pytest.mark.parametrize(
    "text",
    [
        "db_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n",
        "password: !Ref DbPassword",
        "description: |\n  The password has 8 characters.\n",
        '"EXPASS", "*EXPORT", "EXPROFILE"',
        "- name: DB_PASSWORD\n  value: postgres\n",
        "requirepass foobared",
        "community public",
        'community = "open-source contributors 2026"',
        "credentials: 'same-origin'",
        "credentials: include",
        "bindCredential: ${LDAP_PW}",
        '{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM","e":"AQAB"}',
        "the password was changed from MD5 to argon2id",
        "Passphrase: minimum four words separated by blanks",
        "token for tests → see conftest.py",
        "identifiants : voir le coffre n°3",
        "Zugangsdaten: siehe Wiki/Seite 12",
        "Le mot de passe est stocké avec argon2id",
        "Hasło jest wymagane",
        "Пароль должен содержать не менее 8 символов",
        "비밀번호는 8자 이상이어야 합니다",
        "Lösenordet är för kort",
        "WiFi.begin(ssid, password);",
        'password_hint: "your w3c login"',
        'a = b * "x" * 3',
        "sku: SK12345678",
        "define('AUTH_KEY', 'put your unique phrase here');",
        "btoa(`${user}:${pass}`)",
        "passwd:         files systemd sss",
        'input[type="password"]::-ms-reveal { display: none; }',
        "snmpwalk -v2c -c public 10.1.0.1",
        "mat_4x4_inverse, y0_min, key_frames_1080p_h264.json",
    ],
)
def test_talk_about_credentials_stays(text: str) -> None:
    assert mask_secrets(text) == (text, 0)
