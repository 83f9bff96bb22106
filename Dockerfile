# The live page in a container:  docker build -t flowact . && docker run -p 7860:7860 flowact
# A Hugging Face Space builds the same: its settings are the first lines of README.md.
FROM python:3.11-slim

# The programs of packages.txt: a voice for typed text.
COPY packages.txt /tmp/
RUN apt-get update \
 && xargs -a /tmp/packages.txt apt-get install -y --no-install-recommends \
 && rm -rf /var/lib/apt/lists/*

# What is installed besides the page: the study and pictures of telephones, or what a fleet needs (extras of pyproject.toml).
ARG EXTRAS=study,heic

WORKDIR /app
COPY pyproject.toml hatch_build.py constraints.txt README.md LICENSE ./
COPY flowact flowact
COPY mediafiles mediafiles
COPY study study
RUN pip install --no-cache-dir --constraint constraints.txt \
      --extra-index-url https://download.pytorch.org/whl/cpu --editable ".[${EXTRAS}]"
COPY assets assets
COPY app.py .

RUN useradd --create-home flowact
USER flowact
ENV FLOWACT_HOST=0.0.0.0 FLOWACT_STATE=/home/flowact/state OMP_WAIT_POLICY=PASSIVE
EXPOSE 7860
HEALTHCHECK --start-period=60s CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/live/health', timeout=3)"
CMD ["python", "app.py"]
