# The web app. Build and run: docker build -t casestudy . && docker run -p 8501:8501 casestudy
FROM python:3.11-slim
ENV CASESTUDY_CACHE=/cache PYTHONUNBUFFERED=1
RUN useradd --create-home app && mkdir /cache && chown app /cache
WORKDIR /casestudy
COPY . .
RUN pip install --no-cache-dir '.[app]'
USER app
# The 8-bit networks are made here, once, instead of at every start.
RUN python -c "from casestudy.denoising.litert import litert_file; from casestudy.models import released; \
    [litert_file(network, 'int8') for network in released.titles()]"
EXPOSE 8501
CMD ["casestudy", "app", "--address", "0.0.0.0"]
