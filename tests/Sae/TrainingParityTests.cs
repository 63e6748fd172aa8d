using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Losses, raw gradients and parameters after one and five steps, beside the references' own.</summary>
public sealed class TrainingParityTests
{
    public static TheoryData<string> Cases =>
        [.. Directory.GetDirectories(Fixture.Path("train")).Select(folder => Path.GetFileName(folder)).Where(name => !name.Contains("geometric_median", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Cases))]
    public void Steps_equal_the_reference(string name)
    {
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(Fixture.Path($"train/{name}/config.json")))!;
        using var expected = TensorSource.Open(Fixture.Path($"train/{name}/expected.safetensors"));
        var reference = ReferenceSettings.Read(json, null);
        using var scope = NewDisposeScope();
        var batches = Enumerable.Range(0, 5).Select(k => Rows(expected, k)).ToList();
        var trace = ReferenceTrace.Run(reference, expected, batches, reference.TotalSteps ?? batches.Count);
        List<string> faults = [];
        foreach (var stored in expected.Tensors.Where(tensor => IsResult(tensor.Name)))
        {
            if (!trace.TryGetValue(stored.Name, out var got)) faults.Add($"{stored.Name} is missing");
            else if (Differs(stored, got, name) is { } fault) faults.Add(fault);
        }
        foreach (var tensor in trace.Values) tensor.Dispose();
        Assert.True(faults.Count == 0, string.Join("\n", faults));
    }

    private static bool IsResult(string name) => new[] { "loss.", "grad.", "after1.", "after5.", "state." }.Any(start => name.StartsWith(start, StringComparison.Ordinal));

    private static TrainRows Rows(TensorSource source, int k)
    {
        var inputs = source.Get($"batch.{k}").ToTensor();
        return new TrainRows(inputs, source.TryGet($"target.{k}", out var target) ? target.ToTensor() : inputs);
    }

    // Losses and gradients: 1e-4 relative and 1e-5 of the largest; parameters: 1e-4 of the largest (3e-4 with ghost gradients).
    private static string? Differs(StoredTensor stored, Tensor got, string name)
    {
        var want = stored.ToDoubles();
        var have = got.to(float64).flatten().data<double>().ToArray();
        if (want.Length != have.Length) return $"{stored.Name} has {have.Length} numbers, {want.Length} are expected";
        var largest = want.Select(Math.Abs).DefaultIfEmpty(0).Max();
        var parameters = stored.Name.StartsWith("after", StringComparison.Ordinal);
        var (relative, absolute) = parameters ? (0, (name.Contains("ghost", StringComparison.Ordinal) ? 3e-4 : 1e-4) * largest) : (1e-4, 1e-5 * largest);
        var worst = want.Zip(have, (w, h) => Math.Abs(w - h) - relative * Math.Abs(w)).DefaultIfEmpty(0).Max();
        return worst <= absolute + 1e-12 ? null : $"{stored.Name}: off by {worst:g3}, {absolute:g3} allowed; want {string.Join(" ", want.Take(6).Select(x => $"{x:g6}"))}, have {string.Join(" ", have.Take(6).Select(x => $"{x:g6}"))}";
    }
}
