# Sets up a virtual environment with everything that the tests need, and runs them, as scripts/test.sh does elsewhere:
#
#   ./scripts/test.ps1 [--coverage] [PYTEST ARGUMENTS]    for example: ./scripts/test.ps1 -m "slow or not slow"
#
# Style and types are checked first, since that takes seconds. PYTHON names the Python to use.
$ErrorActionPreference = "Stop"
Set-StrictMode -Version Latest
$arguments = @($args)
$coverage = $arguments.Count -gt 0 -and $arguments[0] -eq "--coverage"
if ($coverage) { $arguments = @($arguments | Select-Object -Skip 1) }
Set-Location (Join-Path $PSScriptRoot "..")

# A program that fails does not stop a script by itself.
function Invoke-Step {
    param([string] $Program, [string[]] $Parameters)
    & $Program @Parameters
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}

$supported = "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))"
$python = $null
foreach ($candidate in @($env:PYTHON, "python", "python3")) {
    if (-not $candidate -or -not (Get-Command $candidate -ErrorAction SilentlyContinue)) { continue }
    & $candidate -c $supported
    if ($LASTEXITCODE -eq 0) {
        $python = $candidate
        break
    }
}
if (-not $python) {
    [Console]::Error.WriteLine("Aurora needs Python 3.10 to 3.13 and found none. Install one, or set `$env:PYTHON to its path")
    exit 1
}

# A stamp holds a checksum of what was installed, so that a second run starts at once.
$folder = ".venv-test"
$requirements = @("requirements/base.txt", "requirements/dev.txt")
$hashes = foreach ($file in $requirements + "pyproject.toml") { (Get-FileHash $file -Algorithm SHA256).Hash }
$wanted = $hashes -join " "
$stamp = Join-Path $folder "aurora-stamp"
$venv = Join-Path $folder "Scripts/python.exe"
if (-not ((Test-Path $stamp) -and ((Get-Content $stamp -Raw).Trim() -eq $wanted))) {
    Write-Host "Setting up Python packages in $folder (once)"
    Invoke-Step $python @("-m", "venv", $folder)
    $install = @("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    Invoke-Step $venv ($install + @("-r", $requirements[0], "-r", $requirements[1]))
    Invoke-Step $venv ($install + @("--no-deps", "--editable", "."))
    Set-Content $stamp $wanted
}

# The tests start `aurora` and `python` by name.
$env:PATH = (Resolve-Path (Join-Path $folder "Scripts")).Path + [IO.Path]::PathSeparator + $env:PATH
Invoke-Step $venv @("-m", "ruff", "check", ".")
Invoke-Step $venv @("-m", "ruff", "format", "--check", ".")
Invoke-Step $venv @("-m", "mypy")
if (-not $coverage) {
    & $venv -m pytest @arguments
    exit $LASTEXITCODE
}
Invoke-Step $venv @("-m", "coverage", "erase")
& $venv -m coverage run -m pytest @arguments
$status = $LASTEXITCODE
Invoke-Step $venv @("-m", "coverage", "combine", "--quiet")
Invoke-Step $venv @("-m", "coverage", "report")
exit $status
