// The thread was ended, but its video waited for the rest of the body, and ended the instance.
export default {
  fetch(request) {
    if (!request.url.includes("/66/")) return Response.json("fine");
    return new Response(new TransformStream().readable);
  },
};
