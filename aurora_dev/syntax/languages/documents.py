"""Languages without definitions: prose, data and style sheets."""

from __future__ import annotations

from aurora_dev.syntax.languages.declaration import Language, import_pattern

LANGUAGES = (
    Language(
        "css",
        suffixes="css",
        data=True,
        imports=import_pattern(r"^[ \t]*@import\s+(?:url\()?[\"'](?P<module>[^\"'\n]+)[\"']"),
    ),
    Language("csv", data=True),
    Language(
        "ini",
        suffixes="ini cfg conf",
        file_names=".editorconfig .gitconfig .npmrc .flake8 .pylintrc",
        data=True,
    ),
    Language(
        "json",
        suffixes="json jsonc json5 webmanifest geojson ipynb",
        file_names=".babelrc .eslintrc .prettierrc pipfile.lock composer.lock",
        data=True,
    ),
    Language("latex", suffixes="tex sty cls", prose_suffixes="tex"),
    Language("markdown", suffixes="md markdown mdx mdown mkd", prose_suffixes="md markdown mdx"),
    Language("org", suffixes="org", prose_suffixes="org"),
    Language("po", suffixes="po pot"),
    Language("properties", suffixes="properties", data=True),
    Language("rst", suffixes="rst rest", prose_suffixes="rst"),
    Language(
        "scss",
        suffixes="scss",
        data=True,
        imports=import_pattern(r"^[ \t]*@(?:import|use|forward)\s+[\"'](?P<module>[^\"'\n]+)[\"']"),
    ),
    Language("toml", suffixes="toml", file_names="pipfile cargo.lock poetry.lock uv.lock", data=True),
    Language("twig", suffixes="twig"),
    Language("typst", suffixes="typ"),
    Language("xml", suffixes="xml xsd xsl xslt svg plist csproj props targets", data=True),
    Language("yaml", suffixes="yaml yml", data=True),
)
