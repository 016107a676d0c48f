"""The routes: what is asked where, and who answers."""

from collections.abc import Callable
from contextlib import asynccontextmanager

from lit_embed import __version__
from lit_embed.errors import UserError
from lit_embed.serving.embeddings_answer import embeddings
from lit_embed.serving.exchange import Exchange
from lit_embed.serving.guard import Guard
from lit_embed.serving.page import page
from lit_embed.serving.refusal import Refusal
from lit_embed.serving.rerank_answer import rerank_documents
from lit_embed.serving.search_answer import search_documents
from lit_embed.serving.served import Served

POSTED = {"/v1/embeddings": embeddings, "/v1/rerank": rerank_documents, "/rerank": rerank_documents, "/search": search_documents}
READ = ("/", "/about", "/v1/models", "/health", "/metrics")


def application(served: Served, guard: Guard = Guard()) -> Exchange:
    """An ASGI application, for uvicorn or a test client."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    @asynccontextmanager
    async def while_it_runs(_: Starlette):
        async with served:
            yield

    routes = [Route(path, posted(served, answer), methods=["POST"]) for path, answer in POSTED.items()]
    routes += [Route(path, endpoint) for path, endpoint in read(served).items()]
    app = Starlette(routes=routes, lifespan=while_it_runs, exception_handlers=in_a_sentence())
    return Exchange(app, guard, served.limits, served.metrics, frozenset([*POSTED, *READ]))


def posted(served: Served, answer: Callable) -> Callable:
    """The endpoint of a function from the server's parts and a body to JSON."""
    from starlette.responses import Response

    async def endpoint(request) -> Response:
        return Response(await answer(served, await request.body()), media_type="application/json")

    return endpoint


def read(served: Served) -> dict[str, Callable]:
    """Endpoints that only tell something."""
    from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse

    html, policy = page()

    async def show_page(_) -> HTMLResponse:
        return HTMLResponse(html, headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"})

    async def show_about(_) -> JSONResponse:
        return JSONResponse(about(served))

    async def list_models(_) -> JSONResponse:
        return JSONResponse({"object": "list", "data": models(served)})

    async def one_model(request) -> JSONResponse:
        name = request.path_params["name"]
        for model in models(served):
            if model["id"] == name:
                return JSONResponse(model)
        raise Refusal(404, f"no model {name!r} here: this is {served.model.name!r}", "model", "model_not_found")

    async def health(_) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def metrics(_) -> PlainTextResponse:
        return PlainTextResponse(served.metrics.text(), media_type="text/plain; version=0.0.4")

    return dict(zip(READ, (show_page, show_about, list_models, health, metrics))) | {"/v1/models/{name:path}": one_model}


def models(served: Served) -> list[dict]:
    """https://platform.openai.com/docs/api-reference/models"""
    names = [each.name for each in (served.model, served.scorer) if each]
    return [{"id": name, "object": "model", "created": 0, "owned_by": "lit_embed"} for name in names]


def about(served: Served) -> dict:
    """The parts that there are, for the page."""
    corpus = served.corpus
    return {"version": __version__, "model": served.model.name, "base": served.base and served.base.name,
            "cross_encoder": served.scorer and served.scorer.name, "documents": None if corpus is None else len(corpus.index)}


def in_a_sentence() -> dict:
    """Handlers that say every error in the same shape; an unexpected one is also printed by the server, with its traceback."""
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse

    def answer(refusal: Refusal) -> JSONResponse:
        return JSONResponse(refusal.content(), refusal.status, refusal.headers)

    async def refused(_, refusal: Refusal) -> JSONResponse:
        return answer(refusal)

    async def no_route(request, error: HTTPException) -> JSONResponse:
        there = f"there are {', '.join(f'POST {path}' for path in POSTED)}, {', '.join(f'GET {path}' for path in READ)}"
        said = f"no {request.method} {request.url.path[:80]} here: {there}"
        return answer(Refusal(error.status_code, said, code="unknown_route"))

    async def users_mistake(_, error: UserError) -> JSONResponse:
        return answer(Refusal(500, str(error)))

    async def unexpected(_, error: Exception) -> JSONResponse:
        return answer(Refusal(500, f"{type(error).__name__}: the server's own output says more"))

    return {Refusal: refused, HTTPException: no_route, UserError: users_mistake, Exception: unexpected}
