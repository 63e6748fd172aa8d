using System.Text.Json;

namespace Prisma.Sae;

/// <summary>Quality figures that a coder's configuration states, by their own names.</summary>
internal static class Published
{
    private static readonly string[] s_names =
        ["l0", "explained_variance", "cosine_similarity", "mse", "l1", "dead_fraction", "ce_loss_recovered", "ce_loss_score", "substitution_loss"];

    /// <summary>Known figures at the top of the configuration, and every number under <c>metrics</c>.</summary>
    internal static IReadOnlyDictionary<string, double> In(JsonElement config)
    {
        var found = new Dictionary<string, double>(StringComparer.Ordinal);
        if (config.ValueKind != JsonValueKind.Object) return found;
        foreach (var name in s_names)
            if (config.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number) found[name] = value.GetDouble();
        if (config.TryGetProperty("metrics", out var metrics) && metrics.ValueKind == JsonValueKind.Object)
            foreach (var metric in metrics.EnumerateObject().Where(metric => metric.Value.ValueKind == JsonValueKind.Number))
                found[metric.Name] = metric.Value.GetDouble();
        return found;
    }
}
