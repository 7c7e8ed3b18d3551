// A data provider of react-admin for the forum: lists are bare arrays without a total, and the next page is in the `Link` header.
//
//   <Admin dataProvider={dataProvider("http://localhost:8080")}>
const keys = { users: "userId", threads: "threadId", posts: "postId" };

export const dataProvider = (base) => {
  const pages = new Map(); // Of each list that was shown, where its pages start.
  const etags = new Map(); // Of each item that was read, its version: what an update depends on.

  const call = async (method, path, { headers, body } = {}) => {
    const json = body && { "Content-Type": "application/json" };
    const response = await fetch(base + path, { method, headers: { ...json, ...headers }, body: body && JSON.stringify(body) });
    const content = response.status === 204 ? {} : await response.json();
    if (response.ok) return { content, headers: response.headers };
    // A problem. React-admin shows the message of each field in its form.
    const errors = Object.fromEntries((content.errors ?? []).map(({ field, message }) => [field, message]));
    throw Object.assign(new Error(content.detail), { status: response.status, body: { ...content, errors } });
  };
  const record = (resource, item) => ({ id: item[keys[resource]], ...item });
  const path = (resource, id) => `/api/${resource}/${encodeURIComponent(id)}`;
  const one = async (resource, method, path, options) => {
    const { content, headers } = await call(method, path, options);
    const data = record(resource, content);
    etags.set(`${resource}/${data.id}`, headers.get("ETag"));
    return { data };
  };

  const list = async (resource, query, { page, perPage }) => {
    const first = `/api/${resource}?${new URLSearchParams({ ...query, limit: perPage })}`;
    const starts = pages.get(first) ?? [first];
    pages.set(first, starts);
    // A page that was not shown yet is reached along the links from the last one that was.
    for (let at = Math.min(page, starts.length); ; at += 1) {
      const { content, headers } = await call("GET", starts[at - 1]);
      const next = headers.get("Link")?.match(/<([^>]*)>; rel="next"/)?.[1];
      starts.splice(at, Infinity, ...(next ? [next] : []));
      if (at < page && next) continue;
      const data = at === page ? content.map((item) => record(resource, item)) : [];
      return { data, pageInfo: { hasNextPage: Boolean(next), hasPreviousPage: page > 1 } };
    }
  };
  // Threads, and the posts of one thread or user, are sorted by time; everything else has no order.
  const order = (resource, { field, order } = {}, query) =>
    field === "createdAt" && (resource === "threads" || query.threadId || query.userId) ? { order: order.toLowerCase() } : {};

  const provider = {
    getList: (resource, { pagination, sort, filter = {} }) =>
      list(resource, { ...filter, ...order(resource, sort, filter) }, pagination),
    getManyReference: (resource, { target, id, pagination, sort, filter }) =>
      provider.getList(resource, { pagination, sort, filter: { ...filter, [target]: id } }),
    getOne: (resource, { id }) => one(resource, "GET", path(resource, id)),
    getMany: async (resource, { ids }) => {
      // Posts have no `ids`.
      if (resource === "posts") {
        const found = await Promise.all(ids.map((id) => provider.getOne(resource, { id })));
        return { data: found.map(({ data }) => data) };
      }
      const { content } = await call("GET", `/api/${resource}?ids=${ids.map(encodeURIComponent).join(",")}`);
      return { data: content.map((item) => record(resource, item)) };
    },
    create: (resource, { data }) => one(resource, "POST", `/api/${resource}`, { body: data }),
    update: (resource, { id, data, previousData = {} }) => {
      const changed = Object.entries(data).filter(([name, value]) => name !== "id" && value !== previousData[name]);
      const etag = etags.get(`${resource}/${id}`);
      const headers = etag ? { "If-Match": etag } : {};
      return one(resource, "PATCH", path(resource, id), { headers, body: Object.fromEntries(changed) });
    },
    updateMany: async (resource, { ids, data }) => {
      await Promise.all(ids.map((id) => provider.update(resource, { id, data })));
      return { data: ids };
    },
    delete: async (resource, { id, previousData }) => {
      await call("DELETE", path(resource, id));
      return { data: previousData ?? { id } };
    },
    deleteMany: async (resource, { ids }) => {
      await Promise.all(ids.map((id) => provider.delete(resource, { id })));
      return { data: ids };
    },
  };
  return provider;
};
