"""Queries as developers type them, made from declarative sentences by templates: questions, phrases, keywords.

Pure functions; the only source of randomness is the ``random.Random`` that is passed in.
"""

from __future__ import annotations

import random
import re
from typing import Literal, TypeAlias

Form: TypeAlias = Literal["sentence", "question", "keywords", "phrase", "commit"]

_IRREGULAR = {
    "build": "built", "bind": "bound", "break": "broken", "bring": "brought", "catch": "caught", "choose": "chosen",
    "cut": "cut", "do": "done", "draw": "drawn", "drop": "dropped", "find": "found", "format": "formatted",
    "get": "obtained", "give": "given", "hide": "hidden", "hold": "held", "keep": "kept", "let": "let", "make": "made",
    "map": "mapped", "plot": "plotted", "put": "put", "read": "read", "rebuild": "rebuilt", "reset": "reset",
    "rewrite": "rewritten", "run": "run", "scan": "scanned", "send": "sent", "set": "set", "show": "shown",
    "skip": "skipped", "split": "split", "stop": "stopped", "strip": "stripped", "swap": "swapped", "take": "taken",
    "tell": "told", "trim": "trimmed", "unwrap": "unwrapped", "wrap": "wrapped", "write": "written", "begin": "begun",
    "throw": "thrown", "leave": "left", "commit": "committed", "override": "overridden", "lay": "laid",
}  # fmt: skip
_VERBS = frozenset(
    """
    accept access acquire add adjust align allocate allow analyze append apply assert assign associate attach attempt
    average begin bind block break bring broadcast build bump cache calculate call cancel cast catch center change
    check choose clamp clean clear clip clone close coerce collapse collect combine commit compare compile complete
    compress compute concatenate configure connect construct consume contain control convert copy count create cut
    decode decompress decorate decrease decrement decrypt define delegate delete derive deserialize destroy detach
    detect determine disable discard disconnect dispatch display divide do download draw drop dump duplicate emit
    enable encode encrypt end enforce ensure enter enumerate equal escape establish estimate evaluate examine execute
    exit expand export expose extend extract factor fetch fill filter finalize find finish fire fit flatten flip flush
    fold force format forward free generate get give group guess handle hash hide hold identify ignore implement
    import increase increment indicate infer inform inherit initialize inject insert inspect install instantiate
    interpolate interpret intersect invalidate invert invoke issue iterate join keep launch lay leave let limit link
    list listen load locate lock log look lookup make manage map mark mask match measure merge modify monitor move
    multiply mutate navigate negate normalize notify obtain offer open optimize order output override pack pad paint
    parse partition pass patch perform permute pick plot poll pop populate position prepare prepend preserve prevent
    print process produce project propagate provide prune publish pull push put query queue raise randomize rank read
    rebuild receive record recover redirect reduce refresh register reindex reject release reload remove rename render
    reorder repair repeat replace report represent request require reserve reset reshape resize resolve restore
    restrict resume retrieve return reverse revert rewrite rotate round route run sample sanitize save scale scan
    schedule scroll search select send separate serialize serve set setup share shift show shuffle shut sign simplify
    simulate skip slice solve sort specify split spawn start stop store stream strip submit subscribe substitute
    subtract sum suppress suspend swap switch sync synchronize tag take tear tell terminate test throw toggle tokenize
    trace track transfer transform translate transpose traverse trigger trim truncate try unbind undo uninstall union
    unlock unpack unregister unsubscribe unwrap update upgrade upload use validate verify view visit wait walk warn
    watch wrap write yield zip
    """.split()  # noqa: SIM905
)
_STOP = frozenset(
    """a an and are as at be been being by can could do does for from given has have how i if in into is it its may
    might must no not of on one or other our should so some such than that the their them then there these they this
    those to used using via was we were what when where whether which while who why will with would you your""".split()  # noqa: SIM905
)
_ARTICLES = ("a ", "an ", "the ", "all ", "this ", "any ", "each ", "every ")
_CLAUSE = re.compile(r"(?:,|;|\s+-+\s+|\s\(|\s+(?:that|which|where|so that|because|such that|in order to)\s)")
_CONDITION = re.compile(r"(if|when|whenever|unless|after|before) (.*)", re.IGNORECASE)
_STATEMENT = re.compile(
    r"((?:the|an?|each|all|any|every)? ?(?:[\w'-]+ ){1,3}?)?(is|are|was|were|can|must|should|will|may) (.*)"
)
_RELATIVE = re.compile(r"\b(?:that|which|who)\b")
_PREPOSITION = re.compile(
    r"(?:in|on|for|with|when|if|by|at|from|to|as|once|after|before|unless|while)\b", re.IGNORECASE
)
_FINITE = re.compile(
    r"\b(?:is|are|was|were|will|can|must|should|may|do|does|has|have|need|needs|we|you|it|this|if)\b|[,(:;]"
)
_FEWEST_OF_A_CUT = 4
# A longer noun phrase becomes a query unchanged.
_LONGEST_NOUN = 9
_MOST_KEYWORDS = 7


def verb_of(word: str) -> str | None:
    """Return the base form of a verb such as "Returns", "return" or "Returning"; ``None`` for any other word."""
    word = word.lower()
    if word in _VERBS:
        return word
    candidates = []
    if word.endswith("ies"):
        candidates.append(word[:-3] + "y")
    if word.endswith("es"):
        candidates += [word[:-2], word[:-1]]
    elif word.endswith("s"):
        candidates.append(word[:-1])
    if word.endswith("ing"):
        stem = word[:-3]
        candidates += [stem, stem + "e", stem[:-1] if stem[-1:] == stem[-2:-1] else stem]
    return next((candidate for candidate in candidates if candidate in _VERBS), None)


def third_person(verb: str) -> str:
    """Return the third person of a verb: "returns" for "return"."""
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "z", "o")) else "s")


def participle(verb: str) -> str:
    """Return the past participle of a verb: "removed" for "remove"."""
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return verb + "ed"


def gerund(verb: str) -> str:
    """Return the gerund of a verb: "removing" for "remove"."""
    doubled = _IRREGULAR.get(verb, "")
    if verb.endswith("e") and not verb.endswith(("ee", "ye")):
        return verb[:-1] + "ing"
    if doubled.startswith(verb + verb[-1]) or verb in ("get", "put", "run", "set", "cut", "split", "stop", "begin"):
        return verb + verb[-1] + "ing"
    return verb + "ing"


def keywords(sentence: str, most: int = _MOST_KEYWORDS) -> str:
    """Return the first words of a sentence that are not function words, in order."""
    words = [word.strip(".,;:()[]{}\"'!?") for word in sentence.split()]
    kept = [word for word in words if word and word.lower() not in _STOP]
    return " ".join(dict.fromkeys(kept[:most]))


def lower_first(sentence: str) -> str:
    """Make the first letter lower case, unless the sentence begins with a name or an abbreviation."""
    first = sentence.split(" ", 1)[0]
    return sentence if any(c.isupper() for c in first[1:]) or first == "I" else sentence[:1].lower() + sentence[1:]


def shortened(sentence: str, rng: random.Random) -> str:
    """Cut a sentence at a clause in some cases, since queries say less than comments."""
    cuts = [m.start() for m in _CLAUSE.finditer(sentence) if len(sentence[: m.start()].split()) >= _FEWEST_OF_A_CUT]
    if _PREPOSITION.match(sentence):  # only the condition would be left
        return sentence
    long = len(sentence.split()) > 14
    return sentence[: cuts[0]] if cuts and rng.random() < (0.7 if long else 0.4) else sentence


def phrase(sentence: str, rng: random.Random) -> tuple[str, Form]:
    """Return a query for the code that a sentence describes, and the form of the query."""
    sentence = shortened(sentence, rng).strip()
    draw = rng.random()
    if draw < 0.30:
        return (lower_first(sentence) if rng.random() < 0.6 else sentence), "sentence"
    if draw < 0.48:
        words = keywords(sentence, rng.randint(3, _MOST_KEYWORDS))
        if len(words.split()) >= 2:
            return (words.lower() if rng.random() < 0.7 else words), "keywords"
    first, _, rest = sentence.partition(" ")
    verb = verb_of(first)
    if verb is not None and rest:
        return _of_verb(verb, rest, rng)
    if match := re.match(r"(?:True|Whether|true|whether)(?: if| when| iff)? (.*)", sentence):
        options = [f"how to check if {match[1]}", f"check whether {match[1]}", f"where do we test if {match[1]}"]
        return rng.choice(options), "question"
    return _of_noun(lower_first(sentence), rng)


def _of_verb(verb: str, rest: str, rng: random.Random) -> tuple[str, Form]:
    subject = rest.removeprefix("whether ").removeprefix("if ")
    if verb in ("return", "get", "retrieve", "obtain", "give") and rng.random() < 0.35:
        return rng.choice([rest, f"how is {rest} computed", f"where does {rest} come from", f"get {rest}"]), "phrase"
    if verb == "check" and subject != rest and rng.random() < 0.5:
        return rng.choice([f"how to tell if {subject}", f"is there a check that {subject}"]), "question"
    if len(rest.split()) <= 5 and rest.lower().startswith(_ARTICLES) and rng.random() < 0.45:
        be = "are" if rest.split()[-1].endswith("s") and not rest.lower().startswith(("a ", "an ", "this ")) else "is"
        asked = rng.choice(["where", "how", "when", "where in the code"])
        return f"{asked} {be} {rest} {participle(verb)}", "question"
    if rng.random() < 0.12:
        return rng.choice(
            [f"{verb.capitalize()} {rest}", f"fix: {verb} {rest}", f"add code to {verb} {rest}"]
        ), "commit"
    return (
        rng.choice(
            [
                f"how to {verb} {rest}",
                f"how do I {verb} {rest}",
                f"how do we {verb} {rest}",
                f"how does it {verb} {rest}",
                f"where do we {verb} {rest}",
                f"where does the code {verb} {rest}",
                f"function that {third_person(verb)} {rest}",
                f"code that {third_person(verb)} {rest}",
                f"which function {third_person(verb)} {rest}",
                f"what {third_person(verb)} {rest}",
                f"{gerund(verb)} {rest}",
                f"{verb} {rest}",
            ]
        ),
        "question",
    )


def _of_noun(sentence: str, rng: random.Random) -> tuple[str, Form]:
    bare = sentence
    for article in ("a ", "an ", "the "):
        if sentence.lower().startswith(article):
            bare = sentence[len(article) :]
    if match := _CONDITION.match(sentence):
        options = [
            f"what happens {match[1].lower()} {match[2]}",
            f"what happens {match[1].lower()} {match[2]}",
            sentence,
        ]
        return rng.choice(options), "question"
    if (match := _STATEMENT.match(sentence)) and not _RELATIVE.search(match[1] or ""):
        subject, be, rest = (match[1] or "it").strip(), match[2].lower(), match[3]
        options = [
            sentence,
            sentence,
            f"{be} {subject} {rest}",
            f"when {be} {subject} {rest}",
            f"why {be} {subject} {rest}",
        ]
        return rng.choice(options), "question"
    if len(bare.split()) > _LONGEST_NOUN or _FINITE.search(bare):
        return (keywords(sentence) if rng.random() < 0.3 else sentence), "sentence"
    options = [
        f"where is the {bare}",
        f"what is the {bare}",
        f"{bare} implementation",
        f"class for {bare}",
        f"how does the {bare} work",
        f"how is the {bare} implemented",
        f"where is the {bare} defined",
        bare,
        f"{bare} handling",
    ]
    return rng.choice(options), "question"


def about_file(sentence: str, rng: random.Random) -> tuple[str, Form]:
    """Return a query about the architecture from a sentence about a whole file, and its form."""
    bare = re.sub(
        r"^(?:This (?:module|file|package|class)|The \w+ (?:module|package)|Module|Package)\s+(?:\w+\s+)?"
        r"(?:provides?|contains?|implements?|defines?|is|has|holds|for|to|with)\s+",
        "",
        sentence,
    )
    bare = lower_first(re.sub(r"^(?:provides?|contains?|implements?|defines?)\s+", "", bare, flags=re.IGNORECASE))
    plain = re.sub(r"^(?:a|an|the|some|support|functions?|utilities|helpers?|tools?)\s+(?:for\s+|to\s+)?", "", bare)
    options = [
        f"how does {plain} work",
        f"how is {plain} implemented",
        f"where is {plain} implemented",
        f"where does {plain} live",
        f"which module handles {plain}",
        f"{plain} implementation",
        plain,
        keywords(plain),
        f"architecture of {plain}",
        f"{plain} support",
    ]
    return rng.choice(options), "question"


def split_name(name: str) -> str:
    """Return the words of an identifier: "parse http header v 2" for ``parseHTTPHeader_v2``."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return " ".join(part.lower() for part in parts)
