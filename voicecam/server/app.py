"""The pages and the JSON API as a FastAPI application. Keeps no recording: each request brings its own, and its answer is all
that is left of it."""

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import torch
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect

from voicecam import __version__
from voicecam.audio import Signal
from voicecam.corpora.labels import AUDIO_SUFFIXES
from voicecam.errors import AudioError, ExplainError, SilentError, VoicecamError
from voicecam.explanation.counterfactual import SPEECH_SECONDS
from voicecam.figures.canvas import class_colours
from voicecam.server import analysis, openapi
from voicecam.server.analysis import Explainer
from voicecam.server.decoding import MOST_SECONDS, Decoder
from voicecam.server.guards import guarded, refuse
from voicecam.server.headers import HEADERS, LIVE_POLICY
from voicecam.server.sounds import hear
from voicecam.server.uploads import MOST_BYTES, RATES, RequestLimit, receive

HERE = Path(__file__).parent
TIMEOUT_S = 60.0  # s for one analysis, waiting included
MOST_WORKERS = 4
HOSTS = ["127.0.0.1", "localhost", "[::1]", "::1"]  # other names are another page's trick to reach this computer
WEB = HERE.parent / "web"  # the front end: the page asks this server, and the site's networks in the browser where there are some
STATIC = "/static"
BROUGHT = ("vendor", "models", "examples")  # folders that a site adds to voicecam/web
WORKER = f"{STATIC}/engine/worker.js"
LIVE = "/live"  # where the static site is by itself; networks may be compiled there and in the page's worker alone


def make_app(*served: Explainer, site: Path | None = None, token: str | None = None) -> FastAPI:
    """The application for one model, or several of different names, the first of which answers where none is named. Set torch's
    threads before: with one each, requests do not wait for each other's.

    site : folder that server.site.make_site wrote: its networks for the page's views that run in the browser, and itself at LIVE;
        without one there, or None, the page has the view of one recording alone
    token : who has it may ask, under any name of this computer; None: only this computer may, under its own names
    """
    decoder, gate = Decoder(), RequestLimit()
    pool = ThreadPoolExecutor(min(MOST_WORKERS, os.cpu_count() or 1))

    @asynccontextmanager
    async def ready(_app: FastAPI) -> AsyncIterator[None]:
        torch.set_num_threads(1)  # the network is small: threads that wait for each other cost more than they bring
        decoder.start()
        for explainer in served:
            await asyncio.get_running_loop().run_in_executor(pool, analysis.warm_up, explainer)
        yield
        decoder.close()
        pool.shutdown(cancel_futures=True)

    app = FastAPI(
        title="voicecam",
        version=__version__,
        description=openapi.ABOUT,
        lifespan=ready,
        docs_url=None,  # FastAPI's own pages load from other hosts
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )

    async def work(request: Request, rate: int | None, job: Callable[[Signal], dict[str, Any]]) -> dict[str, Any]:
        async with gate.pass_through():
            signal = await receive(request, rate, decoder)
            try:
                return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(pool, job, signal), TIMEOUT_S)
            except TimeoutError:
                raise HTTPException(503, "too busy; try again in a moment", {"Retry-After": "5"}) from None

    _add_pages(app, site if site is not None and (site / "service-worker.js").is_file() else None)
    _add_guards(app, token)

    named = Query(None, description="which model answers, one of the names that /api/model lists; the first without it")

    @app.get("/api/model", summary="The model and the limits", responses=openapi.plain(openapi.MODEL))
    async def model(model: str | None = named) -> JSONResponse:
        return JSONResponse({**_model_facts(_chosen(served, model)), "models": [one.name for one in served]})

    rate_of_samples = Query(None, ge=RATES[0], le=RATES[1], description="Hz, of raw samples; leave it out for a file")

    @app.post("/api/classify", summary="Verdict and explanation", **openapi.operation(openapi.CLASSIFY))
    async def classify(request: Request, rate: int | None = rate_of_samples, model: str | None = named) -> JSONResponse:
        explainer = _chosen(served, model)
        try:
            found = await work(request, rate, lambda signal: analysis.analyse(explainer, signal, served))
        except SilentError:  # readable, but nobody speaks
            found = analysis.silent(explainer, served)
        return JSONResponse(found)

    @app.post("/api/sounds", summary="Evidence and rest as sounds, with scores", **openapi.operation(openapi.SOUNDS))
    async def sounds(request: Request, rate: int | None = rate_of_samples, model: str | None = named) -> JSONResponse:
        explainer = _chosen(served, model)
        return JSONResponse(await work(request, rate, lambda signal: hear(explainer, signal)))

    @app.post("/api/shift", summary="The same voice at another pitch", **openapi.operation(openapi.SHIFT))
    async def shift(
        request: Request,
        semitones: float = Query(ge=-12, le=12, description="how far the pitch is moved"),
        rate: int | None = rate_of_samples,
        model: str | None = named,
    ) -> JSONResponse:
        explainer = _chosen(served, model)
        return JSONResponse(await work(request, rate, lambda signal: analysis.shift(explainer, signal, semitones)))

    return app


def _add_pages(app: FastAPI, site: Path | None) -> None:
    """The page, the API's page, their scripts and styles, and the static site."""
    templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    for folder in [site / name for name in BROUGHT] if site is not None else []:
        if folder.is_dir():
            app.mount(f"{STATIC}/{folder.name}", StaticFiles(directory=folder), name=folder.name)
    app.mount(STATIC, StaticFiles(directory=WEB), name="static")

    if site is not None:
        app.mount(LIVE, StaticFiles(directory=site, html=True), name="live")

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(_page("server" if site is None else "server browser"))

    @app.get("/api", include_in_schema=False)
    async def api() -> HTMLResponse:
        return HTMLResponse(templates.get_template("api.html").render(schema=app.openapi()))


def _page(backend: str) -> str:
    """The front end's page for this server. backend : what answers, see web/engine/backend.js"""
    text = (WEB / "index.html").read_text(encoding="utf-8")
    text = re.sub(r'<link rel="manifest".*\n', "", text)  # only the site can be installed
    text = text.replace('name="backend" content="browser"', f'name="backend" content="{backend}"')
    return re.sub(r'(href|src)="(?![#/])', rf'\1="{STATIC}/', text)


def _add_guards(app: FastAPI, token: str | None) -> None:
    """Headers on every answer, and errors as one line of JSON that tells nothing of this computer."""

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable) -> Any:
        response = await guarded(request, call_next, token=token)
        response.headers.update(HEADERS)
        if request.url.path.startswith(f"{LIVE}/") or request.url.path == WORKER:
            response.headers["Content-Security-Policy"] = LIVE_POLICY
        return response

    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS if token is None else ["*"], www_redirect=False)

    @app.exception_handler(ClientDisconnect)
    async def gone(_request: Request, _reason: ClientDisconnect) -> JSONResponse:
        return refuse(400, "the recording broke off")  # nobody hears it

    @app.exception_handler(AudioError)
    @app.exception_handler(ExplainError)
    async def unusable(_request: Request, reason: VoicecamError) -> JSONResponse:
        return refuse(422, str(reason))

    @app.exception_handler(AnyHTTPException)
    async def refused(_request: Request, reason: AnyHTTPException) -> JSONResponse:
        return refuse(reason.status_code, str(reason.detail), reason.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, reason: RequestValidationError) -> JSONResponse:
        said = "; ".join(f"{error['loc'][-1]}: {error['msg']}" for error in reason.errors())
        return refuse(422, said)

    @app.exception_handler(Exception)
    async def bug(_request: Request, reason: Exception) -> JSONResponse:  # the traceback goes to the terminal alone
        logging.getLogger("voicecam").error("a request failed", exc_info=reason)
        return JSONResponse({"error": "this failed on the server; its terminal says why"}, 500, HEADERS)


def _chosen(served: Sequence[Explainer], name: str | None) -> Explainer:
    """The model of that name, the first one for None. Raises HTTPException 422 for another."""
    for one in served:
        if name in (None, one.name):
            return one
    raise HTTPException(422, f"model: not known; use one of {', '.join(one.name for one in served)}")


def _model_facts(explainer: Explainer) -> dict[str, Any]:
    model = explainer.classifier.model
    return {
        "name": explainer.name,
        "label": model.label,
        "classes": list(model.classes),
        "colours": class_colours(model.classes),
        "threshold": explainer.classifier.threshold,
        "features": model.config.features,
        "window_seconds": model.config.seconds,
        "corpora": model.meta.get("corpora", []),
        "most_bytes": MOST_BYTES,
        "most_seconds": MOST_SECONDS,
        "endings": list(AUDIO_SUFFIXES),
        "shift_seconds": SPEECH_SECONDS,
    }
