using System.Text.Json;
using Prisma.Tests.Cli;

namespace Prisma.Tests;

/// <summary>The contest of heatmap methods at the command line, small.</summary>
public sealed class ScoreVerbTests
{
    [Fact]
    public void Faithfulness_stands_beside_energy_where_it_is_asked_for()
    {
        string[] call = ["demo", "score", "--scenes", "2", "--choose-on", "2", "--misclassified", "0", "--method", "value-flow", "--method", "random", "--json"];
        JsonElement Scores(params string[] more)
        {
            var (code, errors, output) = VerbRun.Of([.. call, .. more]);
            Assert.True(code == 0, errors);
            return JsonDocument.Parse(output).RootElement.GetProperty("tables")[0].GetProperty("scores");
        }
        var (plain, faithful) = (Scores(), Scores("--faithful"));
        foreach (var measure in new[] { "deletion", "insertion", "road", "comprehensiveness", "sufficiency", "sensitivity_n" })
        {
            Assert.True(!plain[0].TryGetProperty(measure, out var none) || none.ValueKind == JsonValueKind.Null, measure);
            Assert.Equal(2, faithful.EnumerateArray().Select(score => score.GetProperty(measure).GetDouble()).Count(double.IsFinite));
        }
        JsonElement Of(string method) => faithful.EnumerateArray().Single(score => score.GetProperty("method").GetString() == method);
        Assert.True(Of("value-flow").GetProperty("road").GetDouble() < Of("random").GetProperty("road").GetDouble());
        // Choosing asks for none of it, so the same method is found.
        Assert.Equal(plain[0].GetProperty("energy_among_objects").GetDouble(), faithful[0].GetProperty("energy_among_objects").GetDouble(), 1e-9);
    }
}
