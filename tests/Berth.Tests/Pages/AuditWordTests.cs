using Berth.Api;
using Berth.Pages;
using Berth.Tests.Access;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Pages;

/// <summary>The audit log names routes; its page says them in words.</summary>
[Inside]
public sealed class AuditWordTests
{
    [Fact]
    public async Task Each_change_of_the_API_has_words()
    {
        await using var registry = await AccountsOf.StartAsync();
        var changes = registry.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(route => route.RoutePattern.RawText?.TrimStart('/').StartsWith("api/v1/") == true)
            .SelectMany(route => route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Select(
                method => $"{method} /{route.RoutePattern.RawText!.TrimStart('/')}") ?? [])
            .Select(action => action.Replace(":long}", "}", StringComparison.Ordinal))
            .Where(action => !action.StartsWith("GET ") && !action.StartsWith("HEAD ")).Distinct().ToList();
        Assert.InRange(changes.Count, 50, 500);
        Assert.All(changes, action =>
        {
            var last = action.Split('/').Last(part => !part.StartsWith('{')).Replace('-', ' ');
            var words = English.Only.AuditAction(action);
            Assert.DoesNotContain('/', words);
            var isNamed = System.Text.RegularExpressions.Regex.IsMatch(words, $" (a|an|the) {last}$");
            var areMany = last is "second factors" or "recovery codes";
            Assert.True(!words.EndsWith($" {last}") || isNamed || areMany, $"{action}: {words}");
        });
    }
}
