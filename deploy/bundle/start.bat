@echo off
rem Starts the page of INP-Former++ Lab. No network is needed or asked.
setlocal
cd /d "%~dp0"
if "%PYTHON%"=="" set "PYTHON=py"
if not exist wheels goto run
rem Marked when whole: one that was interrupted is made anew.
if exist .venv\installed goto installed
"%PYTHON%" -c "import sys; sys.exit('.'.join(map(str, sys.version_info[:2])) != '@PYTHON@')" || goto other
if exist .venv rmdir /s /q .venv
"%PYTHON%" -m venv .venv || exit /b 1
.venv\Scripts\python -m pip install --disable-pip-version-check --no-index --find-links wheels -r program\requirements.txt || exit /b 1
type nul > .venv\installed
:installed
set "PYTHON=%~dp0.venv\Scripts\python.exe"
:run
set "HF_HUB_OFFLINE=1"
if "%INPFORMER_MODEL%"=="" set "INPFORMER_MODEL=@MODEL@"
cd program
"%PYTHON%" app.py %*
exit /b %errorlevel%
:other
echo start.bat: the wheels are for Python @PYTHON@; set PYTHON to such a one. 1>&2
exit /b 1
