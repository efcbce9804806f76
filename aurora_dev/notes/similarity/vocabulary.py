"""Words that the rules for conflicts know, in several languages. All are in small letters."""

from __future__ import annotations

from typing import Final


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


def _sets(*lines: str) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Return sets of names: names are separated by commas, and a name may have several words."""
    return tuple(tuple(tuple(name.split()) for name in line.split(",")) for line in lines)


def _pairs(*lines: str) -> tuple[tuple[str, str], ...]:
    return tuple((pair.split()[0], pair.split()[1]) for line in lines for pair in line.split("|"))


NEGATIONS: Final = _words(
    "not no never none neither nor without cannot can't don't doesn't didn't isn't aren't wasn't weren't won't",
    "shouldn't mustn't couldn't wouldn't hasn't haven't needn't avoid stop hardly rarely seldom nobody nothing",
    "nicht kein keine keinen keinem keiner keines nie niemals ohne",  # German
    "ne n' pas jamais aucun aucune sans",  # French
    "nunca jamás jamas sin ningún ninguno ninguna tampoco",  # Spanish
    "non mai senza nessun nessuno nessuna",  # Italian
    "não nao sem nenhum nenhuma",  # Portuguese
    "niet geen nooit zonder",  # Dutch
    "inte aldrig ingen inga inget utan ikke aldri uden",  # Swedish, Danish, Norwegian
    "nie nigdy bez żaden nikdy",  # Polish, Czech
    "не никогда нет без нельзя ні ніколи немає не можна",  # Russian, Ukrainian
    "değil asla yok hiç",  # Turkish
    "لا لم لن ليس ليست بدون ما",  # Arabic
    "לא אין אף בלי אל",  # Hebrew
    "नहीं न मत बिना",  # Hindi
    "不 没 沒 无 無 别 勿 未",  # Chinese
    "không chưa tidak bukan tanpa ei eivät δεν μην nu nem",  # Vietnamese, Indonesian, Finnish, Greek, and others
)
# Words that a text may have or lack without a change of meaning: function words, and words for "always".
FILLERS: Final = _words(
    "use uses used using get gets got must need needs needed only just also then please note remember all every each",
    "always currently now still via keep kept make made go goes happen happens live lives way done per currently",
    "they them one run runs running",
    "der die das den dem des ein eine einen einem einer und ist sind wird werden wir man es im in am an auf mit zu zum",
    "zur bei für von nach immer stets muss müssen",
    "le la les un une des du de d' l' qu' et est sont on nous il elle ils que au aux à en dans sur avec pour toujours",
    "faut plus",
    "el los las una unos unas y es son se lo del al con por para siempre",
    "il lo gli i uno e è sono si nel nella con per di da sempre vengono viene",
    "o os as um uma é são no na nos nas em com do da dos das para sempre",
    "het een en is zijn wordt worden we in op met van voor bij altijd",
    "en ett och är i på med av för till vid alltid",
    "są i w z na do się zawsze dla",
    "и в на с к для по от это всегда у з для та є завжди",
    "bir ve ile için her",
    "في على من إلى هذا هو هي دائما دائمًا يمكن",
    "של את על תמיד",
    "है हैं में से को का की के और हमेशा",
    "的 了 在 是 中 会 总",
)
# Endings that negate a Turkish verb, after the stem that both forms share.
TURKISH_NEGATION: Final = (
    r"(m[ae]z|m[ae]zlar|m[ae]zler|m[ıiuü]yor\w*|m[ae]d[ıi]\w*|m[ae]m\w+|m[ae]y[ae]c[ae][kğ]\w*|m[ae]y[ıi]n|m[ae])"
)
# Negated ends of Japanese and Korean sentences.
LATE_NEGATION: Final = r"(ない|ません|なかった|禁止|지\s*않|지\s*못|지\s*마|지\s*말|없[다는음습]|금지)"

UNITS: Final = _words(
    "ms millisecond milliseconds s sec secs second seconds min mins minute minutes h hr hrs hour hours day days week",
    "weeks month months year years b kb mb gb tb kib mib gib bytes byte % percent times time attempts characters chars",
    "sekunde sekunden minuten stunde stunden tag tage tagen woche wochen monat monate jahr jahre",
    "seconde secondes heure heures jour jours semaine semaines mois an ans",
    "segundo segundos minuto minutos hora horas día días dia dias semana semanas mes meses año años ano anos",
    "secondo secondi minuti ora ore giorno giorni settimana settimane mese mesi anno anni",
    "seconden minuten uur uren dag dagen weken maand maanden jaar",
    "sekund sekunder minut minuter timme timmar dagar vecka veckor månad månader år",
    "sekundy minuty godzina godziny godzin dni dzień tygodni",
    "секунд секунды минута минуты минут час часа часов день дня дней хвилина хвилини хвилин годин днів",
    "saniye dakika saat gün hafta ay yıl",
    "ثانية دقيقة دقائق ساعة ساعات يوم أيام",
    "שניות דקות שעות ימים",
    "सेकंड मिनट घंटे दिन",
    "秒 分 时 時 日 天 小 钟 鐘 间 間 년 초 분",
)
NUMBER_WORDS: Final = {
    word: str(number)
    for line in (
        "zero one two three four five six seven eight nine ten eleven twelve",
        "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
        "zéro _ deux trois quatre cinq six sept huit neuf dix onze douze",
        "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce",
    )
    for number, word in enumerate(line.split())
    if word != "_"
}
# A number after one of these at the start of a text names the subject: "Port 8080 serves the API".
LABELS: Final = _words(
    "version port step phase stage level tier plan python node java ruby release sprint milestone chapter section page",
    "line rule error status code ticket issue adr layer zone region shard",
)

OPPOSITES: Final = _pairs(
    "always never|enable disable|allow forbid|allow deny|permit forbid|require forbid|must may|mandatory optional",
    "required optional|sync async|synchronous async|synchronous asynchronous|before after|include exclude",
    "accept reject|accept refuse|soft hard|optimistic pessimistic|eager lazy|strict lenient|mutable immutable",
    "singular plural|manual automatic|manually automatically|tab space|ascending descending|on off|true false",
    "keep remove|keep delete|kept deleted|kept removed",
    "add remove|start stop|more less|most least|read-only writable|stateless stateful|single multiple",
    "all none|encrypt plain|centralized decentralized|monolith microservice|monorepo polyrepo|upper lower",
    "blacklist whitelist|opt-in opt-out|blocking non-blocking|nullable non-nullable|prefer avoid|use avoid",
    "parallel sequential|parallel sequentially|single double|support drop|safe dangerous|open closed|allow prohibit",
    "allow block|show hide|lock unlock|case-sensitive case-insensitive|above below",
    # In other languages.
    "erlaubt verboten|immer nie|vor nach|an aus|obligatorisch optional|ja nein",
    "activé désactivé|autorisé interdit|obligatoire facultatif|avant après",
    "incluye excluye|incluyen excluyen|inclut exclut",
    "activado desactivado|permitido prohibido|obligatorio opcional|antes después",
    "attivo disattivo|abilitato disabilitato|permesso vietato|obbligatorio facoltativo|prima dopo",
    "ativado desativado|permitido proibido|obrigatório opcional|antes depois",
    "toegestaan verboden|verplicht optioneel|voor na|aan uit",
    "tillåtet förbjudet|obligatorisk valfri|före efter|på av",
    "włączony wyłączony|dozwolone zabronione|wymagany opcjonalny|przed po",
    "включён выключен|включен выключен|разрешено запрещено|обязательно необязательно|до после",
    "увімкнено вимкнено|дозволено заборонено|açık kapalı|zorunlu isteğe",
    "مفعل معطل|مسموح ممنوع|מותר אסור|מופעל מושבת|चालू बंद",
)
"""Pairs of words that contradict each other, in either direction."""
# These often tell two subjects apart; they are opposites only as the last word of both texts: "the package is public".
SUBJECT_OPPOSITES: Final = _pairs(
    "first last|public private|internal external|local remote|global local|static dynamic|client server",
    "old new|up down|push pull|minimum maximum|min max|primary replica|upload download|read write",
    "import export|input output",
)
# A word without and with one of these beginnings is a pair of opposites: reversible, irreversible.
PREFIXES: Final = ("un", "in", "im", "ir", "il", "non", "non-", "de", "dis", "des", "dés", "not-", "не")
OTHER_PREFIXES: Final = (("ein", "aus"), ("an", "ab"), ("ver", "ent"), ("вкл", "выкл"))
"""Beginnings that turn the rest of a word into its opposite: eingeschaltet, ausgeschaltet."""
# After one of these, "X over Y" and "Y over X" contradict each other.
PIVOTS: Final = _words(
    "over instead before after than rather not to from into",
    "vor nach statt über zu von avant après plutôt vers antes después a prima dopo voor na före efter przed po do od",
    "перед после вместо до від після önce sonra",
)
# After one of these comes a single choice, which another choice contradicts: "signed with …", "stored in …".
EXCLUSIVE: Final = _words(
    "is are be use uses using with in into on onto as from by to via per through at under than called named runs",
    "owns own",
    "ist sind mit in auf am um im aus nutzen nutzt verwenden verwendet heißt unter",
    "est sont avec dans sur utilise utilisons en au",
    "es son con en usa usamos el los",
    "è sono con in su usa usiamo il",
    "é são com em no na usa usamos nas nos",
    "is zijn met in op gebruikt gebruiken via naar",
    "är med i på använder till",
    "jest są z w na używa używamy przez",
    "на в с через используем использует это у з",
    "في على بـ",
)
COPULAS: Final = _words("is are be ist sind est sont es son è sono é são zijn är jest są")
# "Uses PostgreSQL" and "uses Kafka" may both hold, since the two serve different purposes.
DEPENDING: Final = _words("use uses using on needs require requires utilise usa usamos nutzt verwendet использует")
# After these, "is" is followed by a single choice whatever the word; else only by a name: "is slow" and "is public" may
# both hold.
DEFAULTS: Final = _words("default standard standaard défaut predeterminado predefinito padrão domyślny по-умолчанию")
# Verbs with one subject: "Alice owns …" contradicts "Bob owns …".
OWNING: Final = _words("own owns maintain maintains lead leads approve approves")

ALTERNATIVES: Final = _sets(
    "postgresql,postgres,mysql,mariadb,sqlite,mongodb,mongo,dynamodb,cassandra,cockroachdb,oracle,sql server,mssql,"
    "couchdb,firestore",
    "redis,valkey,memcached,dragonfly",
    "clickhouse,duckdb,bigquery,snowflake,redshift",
    "kafka,rabbitmq,nats,pulsar,sqs,kinesis,redis streams,activemq,pub sub",
    "kubernetes,k8s,ecs,nomad,docker swarm,docker compose,fargate,lambda,heroku,openshift,cloud run",
    "aws,azure,gcp,google cloud,hetzner,digitalocean,ovh,on-premises,cloudflare",
    "squash,squashing,rebase,rebasing,merge commit,merge commits,fast-forward",
    "npm,pnpm,yarn,bun",
    "pip,uv,poetry,pipenv,conda,pdm,hatch,pip-tools,rye",
    "maven,gradle,bazel,sbt,ant,make,cmake,meson,ninja",
    "json,protobuf,protocol buffers,xml,yaml,toml,msgpack,avro,parquet,csv,thrift,cbor",
    "react,vue,svelte,angular,solid,preact,ember,jquery,htmx",
    "pytest,unittest,nose,jest,vitest,mocha,jasmine,junit,testng,rspec,minitest",
    "playwright,cypress,selenium,puppeteer,webdriver",
    "django,flask,fastapi,starlette,express,nestjs,koa,rails,laravel,spring,actix,axum,gin,echo",
    "python,java,kotlin,go,golang,rust,typescript,javascript,ruby,php,scala,elixir,swift,c,c++,c#,f#,zig,perl",
    "github actions,gitlab,gitlab ci,jenkins,circleci,buildkite,travis,teamcity,drone,azure pipelines",
    "github,gitlab,bitbucket,gitea,forgejo",
    "git,mercurial,svn,subversion,perforce",
    "terraform,pulumi,cloudformation,opentofu,cdk,ansible,chef,puppet",
    "helm,kustomize,jsonnet",
    "docker,podman,containerd",
    "celery,rq,dramatiq,huey,sidekiq,resque,arq",
    "bcrypt,argon2,argon2id,scrypt,pbkdf2,md5,sha-1,sha-256,sha256",
    "hs256,rs256,es256,eddsa,hmac,rsa,ecdsa",
    "jwt,sessions cookies,opaque tokens,api keys,oauth,saml,basic auth,mtls",
    "elasticsearch,opensearch,loki,solr,meilisearch,typesense,splunk,algolia",
    "prometheus,datadog,new relic,grafana,cloudwatch,influxdb,graphite",
    "sentry,rollbar,bugsnag,honeybadger",
    "launchdarkly,unleash,flagsmith,growthbook",
    "vault,environment variables,aws secrets manager,sops,config files,1password",
    "tab,tabs,space,spaces",
    "single quotes,double quotes,backticks",
    "snake_case,camelcase,pascalcase,kebab-case",
    "cursor,offset,keyset,page numbers",
    "rest,graphql,grpc,soap,websockets,websocket,sse,polling,webhooks",
    "http,https",
    "utc,local time,unix timestamps,iso 8601",
    "integer,integers,float,floats,decimal,decimals,strings,string,cents",
    "uuid,uuids,integers,ulid,ulids,auto-increment,sequences,snowflake",
    "main,master,develop,trunk,release branch",
    "trunk-based,gitflow,git flow",
    "gzip,brotli,zstd,lz4,snappy,deflate",
    "s3,gcs,minio,azure blob,local disk,nfs",
    "nginx,apache,caddy,traefik,envoy,haproxy",
    "black,ruff,yapf,autopep8,prettier,biome,gofmt,clang-format",
    "mypy,pyright,pytype,pyre",
    "sqlalchemy,django orm,peewee,tortoise,prisma,typeorm,sequelize,drizzle",
    "redux,zustand,mobx,recoil,pinia,vuex",
    "vite,webpack,rollup,esbuild,parcel,turbopack",
    "tailwind,bootstrap,material ui,css modules,styled components,sass",
    "blue-green,canary,rolling,recreate",
    "mit,apache-2.0,gpl,bsd,mpl",
    "eventual consistency,strong consistency",
    "monday,tuesday,wednesday,thursday,friday,saturday,sunday",
    "montag,dienstag,mittwoch,donnerstag,freitag,samstag,sonntag",
    "lundi,mardi,mercredi,jeudi,vendredi,samedi,dimanche",
    "lunes,martes,miércoles,jueves,viernes,sábado,domingo",
    "lunedì,martedì,mercoledì,giovedì,venerdì,sabato,domenica",
    "maandag,dinsdag,woensdag,donderdag,vrijdag,zaterdag,zondag",
    "понедельник,вторник,среда,среду,четверг,пятница,пятницу,суббота,воскресенье,понедельникам,пятницам",
    "january,february,march,april,june,july,august,september,october,november,december",
    "hourly,nightly,daily,weekly,monthly,quarterly,yearly,every hour,every night,every day,every week",
    "stündlich,täglich,wöchentlich,monatlich,jährlich",
    "nacht,week,dag,maand,uur",
    "english,german,french,spanish,italian,dutch,portuguese,polish,russian,japanese,chinese",
    "englisch,deutsch,französisch,anglais,allemand,français,inglés,alemán,español,engels,duits,nederlands,inglese",
)
"""Sets of names of which one usually excludes the others."""
