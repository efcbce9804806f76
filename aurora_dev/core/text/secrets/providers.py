r"""The formats of providers' tokens, as a table.

Prefixes, lengths and alphabets are those that providers document. A part of them is taken from the published rules of
gitleaks (MIT, see ``LICENSE.gitleaks`` in this folder); no code of it is used.

A row is ``label | anchors | format``. The anchors are literals, separated by blanks; every token contains one of them.
The format is a regular expression that is matched at the start of the token. ``\N`` before it says how many characters
of the token stand before the anchor. ``?`` asks for letters and digits, ``!`` for nothing but the format itself, which
is then proof enough. Every quantifier is bounded, and none is nested.
"""

from __future__ import annotations

from typing import Final

__all__ = ["NAMES", "TABLE"]

TABLE: Final = r"""
aws-access-key | AKIA ASIA ABIA ACCA | A(?:KI|SI|BI|CC)A[A-Z0-9]{16}
aws-access-key | A3T | A3T[A-Z0-9]{17}
aws-bedrock-key | ABSK | ABSK[A-Za-z0-9+/]{90,269}={0,2}
aws-bedrock-key | bedrock-api-key- | bedrock-api-key-[A-Za-z0-9+/=_-]{30,2000}
aws-mws-token | amzn.mws. | amzn\.mws\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
aws-appsync-key | da2- | da2-[a-z0-9]{26}
aws-session-token | IQoJb3JpZ2lu FwoGZXIvYXdz FQoGZXIvYXdz | (?:IQoJb3JpZ2lu|F[wQ]oGZXIvYXdz)[A-Za-z0-9+/=_-]{40,4000}
github-token | ghp_ gho_ ghu_ ghs_ ghr_ | gh[pousr]_[A-Za-z0-9]{36,251}(?:\.[A-Za-z0-9_-]{20,1000}){0,2}
github-token | github_pat_ | github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}
gitlab-token | glpat- gldt- glrt- glft- glimt- glagent- gloas- glsoat- glffct- glwt- | gl(?:pat|dt|rt|ft|imt|agent|oas|soat|ffct|wt)-[A-Za-z0-9_.-]{20,320}
gitlab-token | glcbt- | glcbt-[0-9a-zA-Z]{1,5}_[0-9a-zA-Z_-]{20,64}
gitlab-token | glptt- | glptt-[0-9a-f]{40}
gitlab-token | GR1348941 | GR1348941[A-Za-z0-9_-]{20}
bitbucket-token | ATBB ATCTT3 BBDC- | (?:ATBB[A-Za-z0-9]{28,36}|ATCTT3[A-Za-z0-9_=-]{60,250}|BBDC-[A-Za-z0-9+/@_-]{40,50})
atlassian-token | ATATT3 ATOA | (?:ATATT3[A-Za-z0-9_=-]{60,250}|ATOA[A-Za-z0-9_=-]{60,250}) | ?
slack-token | xox | xox[abcdeoprs](?:\.xox[bp])?-[A-Za-z0-9%/+-]{15,400} | ?
slack-token | xapp- | xapp-\d-[A-Z0-9]{6,20}-\d{6,20}-[A-Za-z0-9]{32,128}
stripe-key | k_live_ k_test_ k_prod_ | [sr]k_(?:live|test|prod)_[A-Za-z0-9]{16,250} | \1
stripe-webhook-secret | whsec_ | whsec_[A-Za-z0-9+/]{32,64}
google-api-key | AIza | AIza[A-Za-z0-9_-]{35}
google-oauth-secret | GOCSPX- | GOCSPX-[A-Za-z0-9_-]{28}
google-oauth-token | ya29. | ya29\.[A-Za-z0-9_.-]{20,2100} | ?
google-oauth-token | 1//0 | 1//0[A-Za-z0-9_-]{35,200} | ?
anthropic-key | sk-ant- | sk-ant-[a-z]{2,10}\d{2}-[A-Za-z0-9_-]{24,250}
openai-key | sk- | sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{40,250} | ?
openai-key | sk- | sk-(?:or-v1-)?[A-Za-z0-9]{32,250} | ?
xai-key | xai- | xai-[A-Za-z0-9]{64,100} | ?
perplexity-key | pplx- | pplx-[A-Za-z0-9]{32,64} | ?
replicate-token | r8_ | r8_[A-Za-z0-9]{37,40} | ?
langsmith-key | lsv2_ | lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}
langfuse-key | -lf- | sk-lf-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12} | \2
tavily-key | tvly- | tvly-(?:dev-|prod-)?[A-Za-z0-9]{20,64} | ?
voyage-key | pa- | pa-[A-Za-z0-9_-]{43} | ?
elevenlabs-key | sk_ | sk_[0-9a-f]{48}
token | sk_ | sk_[0-9a-f]{32,64}
cerebras-key | csk- | csk-[a-z0-9]{40,64} | ?
together-key | tgp_v1_ | tgp_v1_[A-Za-z0-9_-]{40,64} | ?
nvidia-key | nvapi- | nvapi-[A-Za-z0-9_-]{60,80} | ?
groq-key | gsk_ | gsk_[A-Za-z0-9]{52}
huggingface-token | hf_ api_org_ | (?:hf|api_org)_[A-Za-z0-9]{34}
pinecone-key | pcsk_ | pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{50,80}
wandb-key | wandb_v1_ | wandb_v1_[A-Za-z0-9_]{60,100}
npm-token | npm_ | npm_[A-Za-z0-9]{36}
pypi-token | pypi-AgE | pypi-AgE[A-Za-z0-9_-]{50,1000} | !
rubygems-token | rubygems_ | rubygems_[0-9a-f]{48}
crates-token | cio | cio[A-Za-z0-9]{32} | ?
nuget-key | oy2 | oy2[a-z0-9]{43} | ?
clojars-token | CLOJARS_ | CLOJARS_[0-9a-f]{60}
packagist-token | packagist_ | packagist_(?:uut|ort|out)_[0-9a-f]{60,80}
docker-token | dckr_ | dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,40}
docker-token | SWMTKN- SWMKEY- | SWM(?:TKN-1-[a-z0-9]{50}-[a-z0-9]{25}|KEY-1-[A-Za-z0-9+/]{43})
sendgrid-key | SG. | SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}
mailgun-key | key- | (?:pub)?key-[0-9a-f]{32}
mailchimp-key | -us | [0-9a-f]{32}-us\d{1,2} | \32
brevo-key | xkeysib- xsmtpsib- | x(?:key|smtp)sib-[0-9a-f]{64}-[A-Za-z0-9]{16}
postmark-token | PMU- | PMU-[A-Za-z0-9]{40,60}
resend-key | re_ | re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,32} | ?
mandrill-key | md- | md-[A-Za-z0-9_-]{22} | ?
discord-webhook | /webhooks/ | /webhooks/\d{17,20}/([A-Za-z0-9_-]{60,80})
teams-webhook | /IncomingWebhook/ | /IncomingWebhook/([0-9a-f]{32}/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})
slack-webhook | hooks.slack.com/ | hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/_]{24,120})
telegram-bot-token | :A | (?<=\d{6}):(A[A-Za-z0-9_-]{33,35}) | ?
azure-storage-key | ccountKey torageKey | (?:ccount|torage)Key[\"' ]*(?:value)?[=:][\"' ]*([A-Za-z0-9+/]{86}==)
azure-access-key | AccessKey= | AccessKey=([A-Za-z0-9+/]{43}=)
azure-sas | sig= | sig=((?:[A-Za-z0-9+/]|%2[BbFf]){40,44}(?:=|%3[Dd]))
azure-client-secret | ~ | [A-Za-z0-9_.]{3}\dQ~[A-Za-z0-9_.~-]{31,34} | \5
azure-devops-token | JQQJ99 | [A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{20,26} | \52
digitalocean-token | _v1_ | do[opr]_v1_[0-9a-f]{64} | \3
heroku-key | HRKU- | HRKU-[A-Za-z0-9_-]{36,66}
shopify-token | shpat_ shpss_ shpca_ shppa_ shpua_ shptka_ | shp(?:at|ss|ca|pa|ua|tka)_[0-9a-fA-F]{32}
vault-token | hvs. hvb. hvr. | hv[sbr]\.[A-Za-z0-9_-]{24,300} | ?
terraform-token | .atlasv1. | [A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70} | \14
databricks-token | dapi | dapi[0-9a-f]{32}(?:-\d)?
cloudflare-key | cfat_ cfut_ cfk_ v1.0- | (?:cf(?:at|ut|k)_[A-Za-z0-9_-]{40,60}|v1\.0-[0-9a-f]{24}-[0-9a-f]{146})
fly-token | fm1 fm2_ fo1_ | (?:fo1_[A-Za-z0-9_-]{43}|fm1[ar]_[A-Za-z0-9+/]{100,2000}={0,3}|fm2_[A-Za-z0-9+/]{100,2000}={0,3})
netlify-token | nfp_ nfc_ nfo_ nfu_ | nf[pcou]_[A-Za-z0-9]{36,48} | ?
vercel-token | vcp_ vci_ vca_ vcr_ vck_ | vc[piark]_[A-Za-z0-9]{24,64} | ?
supabase-key | sbp_ sb_secret_ | (?:sbp_(?:v0_|oauth_)?[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{28,44})
planetscale-key | pscale_ | pscale_(?:tkn|pw|oauth)_[A-Za-z0-9=._-]{32,64}
neon-key | napi_ | napi_[a-z0-9]{60,70} | ?
doppler-token | dp. | dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44} | ?
onepassword-key | A3- | A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}
onepassword-key | ops_eyJ | ops_eyJ[A-Za-z0-9+/_-]{100,4000}={0,3} | !
pulumi-token | pul- | pul-[0-9a-f]{40}
railway-token | rw_ | rw_(?:Fe26|[A-Za-z0-9])[A-Za-z0-9*._~-]{40,400} | ?
render-key | rnd_ | rnd_[A-Za-z0-9]{28,40} | ?
scalingo-token | tk-us- | tk-us-[A-Za-z0-9_-]{48}
alibaba-key | LTAI | LTAI[A-Za-z0-9]{12,20} | ?
tencent-key | AKID | AKID[A-Za-z0-9]{32} | ?
yandex-key | AQVN YCA | (?:AQVN[A-Za-z0-9_-]{35,38}|YCA[A-Za-z0-9_-]{38}) | ?
openshift-token | sha256~ | sha256~[A-Za-z0-9_-]{43} | ?
circleci-token | CCIPAT_ CCIPRJ_ | CCIP(?:AT|RJ)_[A-Za-z0-9]{20,24}_[A-Za-z0-9]{40}
buildkite-token | bkua_ bkat_ bkct_ | bk(?:ua|at|ct)_[A-Za-z0-9]{40,64}
sonar-token | squ_ sqp_ sqa_ | sq[upa]_[0-9a-z]{40}
snyk-token | snyk_ | snyk_(?:uat|sat)\.[0-9a-f]{8}\.[A-Za-z0-9_.-]{40,400}
sourcegraph-token | sgp_ sgd_ slk_ | (?:sgp_(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40}|sgd_[0-9a-f]{64}|slk_[0-9a-f]{64})
octopus-key | API- | API-[A-Z0-9]{26} | ?
artifactory-key | AKCp cmVmd | (?:AKCp[A-Za-z0-9]{60,73}|cmVmd[A-Za-z0-9]{59}) | ?
sentry-token | sntrys_ sntryu_ sntryi_ | (?:sntrys_eyJ[A-Za-z0-9+/=_]{60,600}|sntry[ui]_[0-9a-f]{64})
grafana-token | glc_ glsa_ eyJrIjoi | (?:glc_[A-Za-z0-9+/]{32,400}={0,3}|glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|eyJrIjoi[A-Za-z0-9]{70,400}={0,3}) | !
newrelic-key | NRAK- NRII- NRRA- NRJS- NRIQ- NRAA- | NR(?:AK-[A-Z0-9]{27}|II-[A-Za-z0-9_-]{32}|RA-[0-9a-f]{42}|JS-[0-9a-f]{19}|IQ-[A-Za-z0-9_-]{32}|AA-[0-9a-f]{27})
newrelic-key | NRAL | [0-9a-f]{36}NRAL | \36
dynatrace-token | dt0c01. dt0s0 | dt0[a-z]\d\d\.[A-Z0-9]{8,24}\.[A-Z0-9]{64}
honeycomb-key | hcaik_ hcalk_ hcbik_ | hc[ab][il]k_[a-z0-9]{58} | ?
posthog-key | phc_ phx_ phs_ | ph[cxs]_[A-Za-z0-9]{40,48} | ?
linear-key | lin_ | lin_(?:api|oauth|wh)_[A-Za-z0-9]{32,64} | ?
notion-token | ntn_ secret_ | (?:ntn_[A-Za-z0-9]{43,50}|secret_[A-Za-z0-9]{43}) | ?
figma-token | figd_ figo_ figu_ figor_ figur_ figoh_ figuh_ | fig(?:d|o|u|or|ur|oh|uh)_[A-Za-z0-9_-]{38,80} | ?
postman-key | PMAK- PMAT- | PMA(?:K-[0-9a-f]{24}-[0-9a-f]{34}|T-[A-Z0-9]{26})
readme-key | rdme_ | rdme_[a-z0-9]{70}
typeform-token | tfp_ | tfp_[A-Za-z0-9_.=-]{44,64} | ?
contentful-token | CFPAT- | CFPAT-[A-Za-z0-9_-]{43}
hubspot-token | pat- | pat-(?:na|eu|ap)\d-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
intercom-token | dG9r | dG9rOg[A-Za-z0-9+/=_-]{40,64}
dropbox-token | sl. | sl\.(?:u\.)?[A-Za-z0-9_-]{100,2000} | ?
dropbox-token | AAAAAAAAAA | [A-Za-z0-9]{11}A{10}[A-Za-z0-9_=-]{43} | !\11
facebook-token | EAAC EAAM EAAB EAAG EAAD EAAF EAAH EAAI EAAJ EAAE | EAA[B-M][A-Za-z0-9]{60,400} | ?
instagram-token | IGQ IGAA | IG(?:QV|QW|AA)[A-Za-z0-9_-]{100,300} | ?
twitter-token | AAAAAAAAAAAAAAAAAAAAA | A{21,22}[A-Za-z0-9%]{40,120} | !
twitch-key | live_ | live_\d{8,10}_[A-Za-z0-9]{28,32} | ?
square-key | sq0atp- sq0csp- sq0idp- EAAA | (?:sq0(?:atp|csp)-[A-Za-z0-9_-]{22,60}|EAAA[A-Za-z0-9_-]{56,60}) | ?
paypal-token | access_token$ | access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[0-9a-f]{32}
razorpay-key | rzp_ | rzp_(?:live|test)_[A-Za-z0-9]{14} | ?
plaid-token | access- | access-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
shippo-token | shippo_ | shippo_(?:live|test)_[0-9a-fA-F]{40}
easypost-key | EZAK EZTK | EZ[AT]K[A-Za-z0-9]{54}
duffel-token | duffel_ | duffel_(?:test|live)_[A-Za-z0-9_=-]{43}
flutterwave-key | FLWSECK FLWPUBK | FLWSECK(?:_TEST|_LIVE)?-[A-Za-z0-9]{12,34}(?:-X)?
gocardless-token | live_ sandbox_ | (?:live|sandbox)_[A-Za-z0-9_=-]{40} | ?
adafruit-key | aio_ | aio_[A-Za-z0-9]{28}
adobe-secret | p8e- | p8e-[A-Za-z0-9_-]{32} | ?
mapbox-token | k.eyJ | sk\.eyJ[A-Za-z0-9_-]{40,120}\.[A-Za-z0-9_-]{22} | \1
maxmind-key | _mmk | [A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk | !\36
maxmind-key | _mmk | [A-Za-z0-9]{16}_mmk | !\16
clickhouse-key | 4b1d | 4b1d[A-Za-z0-9]{38} | ?
prefect-key | pnu_ | pnu_[A-Za-z0-9]{36}
infracost-key | ico- | ico-[A-Za-z0-9]{32} | ?
harness-key | pat. sat. | [ps]at\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}
frameio-token | fio-u- | fio-u-[A-Za-z0-9_=-]{64}
defined-token | dnkey- | dnkey-[A-Za-z0-9=_-]{26}-[A-Za-z0-9=_-]{52}
tailscale-key | tskey- | tskey-(?:auth|api|client|webhook|scim)-[A-Za-z0-9]{10,20}-[A-Za-z0-9]{20,40} | ?
ngrok-token | ak_ | ak_[A-Za-z0-9]{20,40} | ?
intra42-secret | s-s4t2 | s-s4t2(?:ud|af)-[0-9a-f]{64}
settlemint-token | sm_aat_ sm_pat_ sm_sat_ | sm_[aps]at_[A-Za-z0-9]{16}
airtable-token | pat | pat[A-Za-z0-9]{14}\.[0-9a-f]{64}
fireworks-key | fw_ | fw_[A-Za-z0-9]{20,40} | ?
jina-key | jina_ | jina_[A-Za-z0-9_-]{40,80} | ?
firecrawl-key | fc- | fc-[0-9a-f]{32}
e2b-key | e2b_ | e2b_[0-9a-f]{40}
llamacloud-key | llx- | llx-[A-Za-z0-9]{40,60} | ?
runpod-key | rpa_ | rpa_[A-Za-z0-9]{40,60} | ?
anyscale-key | esecret_ | esecret_[A-Za-z0-9]{20,60} | ?
helicone-key | -helicone- | sk-helicone-[A-Za-z0-9-]{20,60} | ?\2
langsmith-key | ls__ | ls__[0-9a-f]{32}
modal-token | ak- as- | a[ks]-[A-Za-z0-9]{22} | ?
brave-key | BSA | BSA[A-Za-z0-9_-]{27,28} | ?
paddle-key | pdl_ | pdl_(?:live|sdbx)_apikey_[a-z0-9]{26}_[A-Za-z0-9]{22}_[A-Za-z0-9]{3}
mollie-key | live_ test_ | (?:live|test)_[A-Za-z0-9]{30} | ?
mailersend-key | mlsn. | mlsn\.[0-9a-f]{64}
axiom-token | xaat- xapt- | xa[ap]t-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
logfire-token | pylf_v | pylf_v\d_[a-z]{2}_[A-Za-z0-9]{40,60} | ?
upcloud-token | ucat_ | ucat_[A-Z0-9]{26} | ?
exoscale-key | EXO | EXO[0-9a-f]{24}
scaleway-key | SCW | SCW[A-Z0-9]{17} | ?
akamai-token | akab- | akab-[a-z0-9]{16}-[a-z0-9]{16} | ?
firebase-key | :APA91b | AAAA[A-Za-z0-9_-]{7}:APA91b[A-Za-z0-9_-]{120,180} | !\11
mongodb-key | mdb_sa_ | mdb_sa_sk_[A-Za-z0-9_-]{40}
dbt-token | dbtc_ dbtu_ dbts_ | dbt[cus]_[A-Za-z0-9_=-]{36,60} | ?
trello-token | ATTA | ATTA[0-9a-f]{64,72}
clickup-token | pk_ | pk_\d{6,9}_[A-Z0-9]{32} | ?
cal-key | cal_ | cal_(?:live_|test_)?[0-9a-f]{32}
linkedin-token | WPL_AP1. | WPL_AP1\.[A-Za-z0-9_.=+/-]{16,64}
pinterest-token | pina_ | pina_[A-Z0-9]{30,80} | ?
gitlab-token | glrtr- | glrtr-[A-Za-z0-9_.-]{20,64}
google-webhook | chat.googleapis.com/ | chat\.googleapis\.com/v1/spaces/[\w-]{5,30}/messages\?key=([\w%&=-]{40,200})
zapier-webhook | hooks.zapier.com/ | hooks\.zapier\.com/hooks/catch/(\d{4,12}/[A-Za-z0-9]{5,12})
teams-webhook | /workflows/ | /workflows/[0-9a-f]{32}/triggers/manual/paths/invoke\?\S{0,200}?sig=([A-Za-z0-9_-]{40,48})
private-key | LS0tLS1CRUdJTi | LS0tLS1CRUdJTi[A-Za-z0-9+/]{0,40}(?:UFJJVkFURSBLRV|QUklWQVRFIEtFW|BSSVZBVEUgS0VZ)[A-Za-z0-9+/]{40,8000}={0,2} | !
infura-key | infura.io/v3/ | infura\.io/v3/([0-9a-f]{32})
alchemy-key | .alchemy.com/v2/ | \.alchemy\.com/v2/([A-Za-z0-9_-]{32})
ifttt-key | /with/key/ | /with/key/([A-Za-z0-9_-]{20,24})
wecom-webhook | webhook/send?key= | webhook/send\?key=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})
lark-webhook | /bot/v2/hook/ | /bot/v2/hook/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})
make-webhook | .make.com/ | \.make\.com/([a-z0-9]{32})
mattermost-webhook | /hooks/ | /hooks/([a-z0-9]{26})(?![A-Za-z0-9])
woocommerce-key | ck_ cs_ | c[ks]_[0-9a-f]{40}
sonar-token | sonar.login | sonar\.login["']?[ \t]?[=:][ \t]?["']?([0-9a-f]{40})
kubernetes-token | --token | --token[ =]([a-z0-9]{6}\.[a-z0-9]{16})(?![a-z0-9])
jenkins-token | :11 | :(11[0-9a-f]{32})(?![0-9a-f])
algolia-key | algoliasearch( | algoliasearch\(\s?["'][A-Z0-9]{5,12}["'],\s?["']([0-9a-f]{32})
session-cookie | ookie | ookie(?:["']?:|[ =]) ?["']?[^\n]{0,160}?(?:sess\w*|sid|\w*token|\w*auth\w*|JSESSIONID|PHPSESSID|ASP\.NET_SessionId)=([A-Za-z0-9%._~+/-]{20,400})
ntlm-token | TlRMTVNTUA | TlRMTVNTUA[A-Za-z0-9+/]{30,2000}={0,2} | ?
launchdarkly-key | sdk- mob- | (?:sdk|mob)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
conda-token | /t/ | /t/([a-z]{2}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})
aws-signature | Signature= | Signature=([0-9a-f]{64})
jenkins-secret | {AQAAABAAAA | \{AQAAABAAAA[A-Za-z0-9+/]{20,800}={0,2}\}
age-secret-key | AGE-SECRET-KEY- | AGE-SECRET-KEY-1[A-Z0-9]{50,62}
jwt | eyJ | eyJ[A-Za-z0-9_-]{10,4000}\.eyJ[A-Za-z0-9_-]{10,6000}\.[A-Za-z0-9_-]{16,2000} | !
twilio-key | SK | SK[0-9a-f]{32}
twilio-auth-token | AC | AC[0-9a-f]{32}[\"']?[ ,:]{1,3}[\"']?([0-9a-f]{32})(?![0-9a-f])
dependency-track-key | odt_ | odt_[A-Za-z0-9]{32,64} | ?
flexport-key | shltm_ | shltm_[A-Za-z0-9_-]{40} | ?
fullstory-key | na1. | na1\.[A-Za-z0-9+/]{100} | ?
nightfall-key | NF- | NF-[A-Za-z0-9]{32} | ?
voiceflow-key | VF. | VF\.(?:(?:DM|WS)\.)?[a-fA-F0-9]{24}\.[A-Za-z0-9]{16}
ubidots-token | BBFF- BBUS- | BB(?:FF|US)-[A-Za-z0-9]{30} | ?
zoho-token | 1000. | 1000\.[0-9a-f]{32}\.[0-9a-f]{32}
stackhawk-key | hawk. | hawk\.[A-Za-z0-9_-]{20}\.[A-Za-z0-9_-]{20} | ?
salesforce-token | 00D | 00D[A-Za-z0-9]{12,15}![A-Za-z0-9_.]{60,120} | ?
telnyx-key | KEY0 | KEY0[0-9A-F]{31}_[A-Za-z0-9]{22}
adyen-key | AQE | AQE[a-z]hmf[A-Za-z0-9+/]{40,200}={0,2}(?:-[A-Za-z0-9+/=<>(){}&%$.,;:!?|*^~@\[\]-]{10,120}){0,2} | ?
revolut-key | oa_prod_ oa_sand_ | oa_(?:prod|sand)_[A-Za-z0-9_-]{40,50} | ?
xendit-key | xnd_ | xnd_(?:production|development)_[A-Za-z0-9]{30,60} | ?
midtrans-key | Mid-server- | (?:SB-)?Mid-server-([A-Za-z0-9_-]{20,32})(?![A-Za-z0-9_-])
omise-key | skey_ | skey_(?:test_)?[a-z0-9]{19} | ?
checkout-key | sk_sbox_ | sk_sbox_[A-Za-z0-9*]{20,40} | ?
mercadopago-token | APP_USR- | APP_USR-\d{12,18}-\d{6}-[0-9a-f]{32}(?:-\d{6,12}|__[A-Z_]{4})?
mercadopago-token | TEST- | TEST-\d{12,18}-\d{6}-[0-9a-f]{32}(?:-\d{6,12}|__[A-Z_]{4})?
matrix-token | syt_ mat_ mct_ mcr_ | (?:syt_[A-Za-z0-9]{4,64}_[A-Za-z0-9]{20}_[A-Za-z0-9]{6}|m(?:at|ct|cr)_[A-Za-z0-9]{20,40}_[A-Za-z0-9]{6}) | ?
yandex-token | y0_ y1_ | y[0-3]_[A-Za-z0-9_-]{40,80} | ?
yandex-token | t1. | t1\.[A-Za-z0-9_-]{40,400}={0,2}\.[A-Za-z0-9_-]{86}={0,2} | ?
elastic-key | essu_ | essu_[A-Za-z0-9+/]{40,120}={0,2} | ?
astra-token | AstraCS: | AstraCS:[A-Za-z0-9]{20,30}:[0-9a-f]{64}
fauna-key | fnA fnE | fn[AE][A-Za-z0-9_-]{37,45} | ?
ory-token | ory_ | ory_(?:at|rt|pat|ac|wak|st|lo)_[A-Za-z0-9_-]{30,90}(?:\.[A-Za-z0-9_-]{30,90})? | ?
socket-key | sktsec_ | sktsec_[A-Za-z0-9_-]{30,60} | ?
cartesia-key | sk_car_ | sk_car_[A-Za-z0-9_-]{20,48} | ?
luma-key | luma- | luma-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?
runway-key | key_ | key_(?:[0-9a-f]{128}|[0-9a-f]{64})
cursor-key | crsr_ | crsr_[0-9a-f]{64}
daytona-key | dtn_ | dtn_[0-9a-f]{64}
letta-key | sk-let- | sk-let-[A-Za-z0-9_-]{30,120} | ?
mem0-key | m0- | m0-[A-Za-z0-9]{40} | ?
nomic-key | nk- | nk-[A-Za-z0-9_-]{43} | ?
tiktok-token | act. rft. | (?:act|rft)\.[A-Za-z0-9]{50,80}(?:![0-9]{4}\.[a-z0-9]{2})? | ?
riot-key | RGAPI- | RGAPI-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
amazon-secret | amzn1.oa2-cs.v1. | amzn1\.oa2-cs\.v1\.[0-9a-f]{64}
amazon-token | Atza| Atzr| Atzc| | Atz[arc]\|[A-Za-z0-9+/=_-]{60,1000} | ?
klaviyo-key | pk_ | pk_[0-9a-f]{34}
close-key | api_ | api_[A-Za-z0-9]{22}\.[A-Za-z0-9]{22} | ?
statsig-key | secret- console- | (?:secret|console)-[A-Za-z0-9]{40,48} | ?
stytch-secret | secret- | secret-(?:live|test)-[A-Za-z0-9_-]{36,40}={0,2} | ?
configcat-key | configcat-sdk-1/ | configcat-sdk-1/[A-Za-z0-9_-]{22}/[A-Za-z0-9_-]{22}
flagsmith-key | ser. | ser\.[A-Za-z0-9]{22} | ?
unleash-token | :development. :production. | :(?:development|production)\.([0-9a-f]{40,64})(?![0-9a-f])
onesignal-key | os_v2_ | os_v2_(?:app|org)_[a-z2-7]{60,110} | ?
pubnub-key | sec-c- | sec-c-[A-Za-z0-9]{40,60}={0,2} | ?
appwrite-key | standard_ | standard_[0-9a-f]{200,300}
bip32-key | xprv yprv zprv tprv | [xyzt]prv[1-9A-HJ-NP-Za-km-z]{100,112} | !
nostr-key | nsec1 | nsec1[02-9ac-hj-np-z]{58}
teams-webhook | webhookb2/ | /webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/([0-9a-f]{32}/[0-9a-f-]{36}(?:/[A-Za-z0-9_-]{20,60})?)
azure-function-key | ?code= | \?code=([A-Za-z0-9_-]{50,60}(?:={0,2}|%3[dD]){0,2})(?![A-Za-z0-9_-])
azure-app-configuration | ;Secret= | ;Secret=([A-Za-z0-9+/]{36,90}={0,2})
jwt | ZXlK | ZXlK[A-Za-z0-9+/_-]{100,8000}={0,2} | !
gitlab-session | _session= | [a-z]_session=([0-9a-f]{32,64}|[A-Za-z0-9%+/_-]{40,2000})(?![A-Za-z0-9]) | \1
kerberos-hash | krb5tgs$ krb5asrep$ krb5pa$ | krb5(?:tgs|asrep|pa)\$[^\s"']{0,200}?([0-9a-f]{32}\$[0-9a-f]{64,8000})
discord-token | mfa. | mfa\.[A-Za-z0-9_-]{84}
infisical-token | st. | st\.[0-9a-f]{8}[0-9a-f-]{16,28}\.[0-9a-f]{32}\.[0-9a-f]{32}
convex-key | prod: dev: | (?:prod|dev):[a-z]{2,20}-[a-z]{2,20}-\d{1,4}\|([A-Za-z0-9+/=_-]{40,400})
datadog-key | ddapp_ | ddapp_[A-Za-z0-9]{34} | ?
launchdarkly-key | api- | api-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
tinybird-token | p.eyJ | p\.eyJ[A-Za-z0-9_-]{20,200}\.[A-Za-z0-9_-]{40,48} | !
rapidapi-key | msh | [a-z0-9]{10}msh[a-z0-9]{15}p1[a-z0-9]{6}jsn[a-z0-9]{12} | !\10
chromatic-token | chpt_ | chpt_[0-9a-f]{12,20}
depot-token | depot_ | depot_(?:project|org|user)_[0-9a-f]{40,80}
inngest-key | signkey- | signkey-(?:prod|test|branch)-[0-9a-f]{64}
vault-token | ult-Token LT_TOKEN | (?:ult-Token|LT_TOKEN)["']?[ \t]{0,4}[:=][ \t]{0,4}["']?(s\.[A-Za-z0-9]{24})(?![A-Za-z0-9])
buildkite-token | bkaj_ | bkaj_[A-Za-z0-9]{40,64}
lambda-key | secret_ | secret_[a-z0-9_-]{4,40}_[0-9a-f]{32}\.[A-Za-z0-9]{32}
percy-token | web_ app_ auto_ | (?:web|app|auto)_[0-9a-f]{64}
authress-key | .acc_ .acc- | \.(acc[_-][a-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,120}) | ?
composer-token | -oauth" gitlab-token" | (?:-oauth|gitlab-token)":\s{0,4}\{\s{0,20}"[a-z0-9.-]{4,60}":\s{0,4}"([A-Za-z0-9_-]{20,100})"
secret | pepper | pepper["']?\s?[=:]\s?["']([0-9a-f]{64,128})
saml-response | SAMLResponse | SAMLResponse["']?\s?(?:value)?[=:]\s?["']?([A-Za-z0-9+/%]{60,20000}={0,2})
"""  # noqa: E501

# Names of providers whose keys have no prefix: after one of them, hexadecimal digits or a UUID are a credential.
NAMES: Final = (
    "adafruit|adobe|airtable|algolia|alibaba|amplitude|asana|atlassian|auth0|aws|azure|beamer|bitbucket|bittrex|braintree|"
    "bugsnag|circleci|clearbit|cloudflare|cloudinary|codecov|cohere|coinbase|confluence|confluent|contentful|coveralls|"
    "datadog|deepl|digitalocean|discord|droneci|dropbox|elastic|etherscan|etsy|facebook|fastly|finicity|finnhub|"
    "firebase|flickr|freshbooks|github|gitlab|gitter|gocardless|google|grafana|heroku|honeycomb|hubspot|huggingface|"
    "infura|instagram|intercom|jenkins|jfrog|artifactory|bintray|xray|jira|kraken|kucoin|launchdarkly|linear|linked_?in|"
    "lob|looker|mailchimp|mailgun|mailjet|mapbox|mattermost|meraki|message_?bird|mistral|mixpanel|netlify|new_?relic|"
    "nytimes|okta|onesignal|openai|openweather\\w*|opsgenie|optimizely|pagerduty|paypal|pinecone|plaid|postmark|private_?ai|"
    "pusher|rapidapi|razorpay|recaptcha|rollbar|segment|sendbird|sendgrid|sendinblue|sentry|shodan|shopify|slack|snyk|"
    "sonar|sparkpost|splunk|spotify|square|squarespace|stripe|sumo\\w*|telegram|tiingo|travis|trello|twilio|twitch|"
    "twitter|typeform|vault|vercel|virustotal|weather\\w*|wandb|workos|yandex|youtube|zendesk|zoom|dd|pd|cf|gh"
)
