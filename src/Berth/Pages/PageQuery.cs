namespace Berth.Pages;

/// <summary>The queries of pages, and those with which pages ask the API.</summary>
internal static class PageQuery
{
    /// <summary>Asks a list of the API something else than what the page's own address says.</summary>
    public static async Task<T> AskAsync<T>(HttpContext http, string query, Func<HttpContext, Task<T>> ask)
    {
        var own = http.Request.QueryString;
        http.Request.QueryString = new QueryString(query);
        try
        {
            return await ask(http);
        }
        finally
        {
            http.Request.QueryString = own;
            http.Response.Headers.Remove("Link");
        }
    }

    /// <summary>A page's address with another value of one field; null for none. The list begins anew.</summary>
    public static string With(string path, IEnumerable<KeyValuePair<string, string>> fields, string name, string? value)
    {
        var all = fields.Where(field => field.Key != name && field.Value.Length > 0).ToList();
        if (value is not null) all.Add(new(name, value));
        return all.Count == 0 ? path : path + "?" + string.Join('&', all.Select(
            field => $"{Uri.EscapeDataString(field.Key)}={Uri.EscapeDataString(field.Value)}"));
    }
}
