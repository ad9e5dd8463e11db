// Escape sequences in a reason, which a terminal obeys.
export default {
  fetch(request) {
    if (!request.url.includes("/66/")) return Response.json("fine");
    return new Response("\0\x1b[31m\x1b]0;title\x07", { status: 404 });
  },
};
