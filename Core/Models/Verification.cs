using System.Text.RegularExpressions;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>One compared tensor.</summary>
/// <param name="Key">The name in the reference file.</param>
/// <param name="Place">Where this program has it; null where it has nothing of the kind.</param>
/// <param name="MaxError">max |got − want|; infinite where shapes differ.</param>
/// <param name="Passed">|got − want| ≤ atol + rtol·|want| everywhere.</param>
/// <param name="Note">Why it failed or was not compared; empty otherwise.</param>
public sealed record VerifiedTensor(string Key, string? Place, double MaxError, bool Passed, string Note);

/// <summary>
/// Compares a model with reference tensors, place by place in forward order, so that the first divergence is named. Reference files hold
/// inputs (<c>input</c>, <c>vision.input</c>, <c>interp.input</c>, <c>vision.interp.input</c>, <c>image.input</c> or argument names) and either places by their
/// full names or the short names <c>resid_post.3</c>, <c>pattern.3</c>, <c>attn_out.3</c>, <c>mlp_out_raw.3</c> and output names.
/// </summary>
public static partial class Verification
{
    // Runs of the same weights on another input: another size, a still picture instead of a clip.
    private static readonly string[] s_runs = ["interp.", "image."];

    private static readonly Dictionary<string, string> s_short = new(StringComparer.Ordinal)
    {
        ["resid_pre"] = Site.ResidPre.Name,
        ["resid_post"] = Site.ResidPost.Name,
        ["pattern"] = Site.Pattern.Name,
        ["attn_out"] = Site.AttnOut.Name,
        ["mlp_out"] = Site.MlpOut.Name,
        ["attn_out_raw"] = Site.AttnModuleOut.Name,
        ["mlp_out_raw"] = Site.MlpModuleOut.Name,
        ["embeddings"] = Site.FullEmbed.Name,
        ["projected"] = Site.PostHead.Name,
        ["ln_post"] = Site.LnFinal.Name,
        ["temporal_attn_out"] = Site.TemporalModuleOut.Name,
        ["temporal_dense"] = Site.TemporalOut.Name,
        ["spatial_attn_out"] = Site.AttnModuleOut.Name,
        ["spatial_pattern"] = Site.Pattern.Name,
        ["pos_embed"] = Site.PosEmbed.Name,
    };

    // Outside the blocks: attention pooling.
    private static readonly Dictionary<string, string> s_shortOfPool = new(StringComparer.Ordinal)
    {
        ["pattern"] = Site.PoolPattern.Name,
        ["attn_out"] = Site.AttnOut.Name,
        ["mlp_out"] = Site.MlpOut.Name,
        ["out"] = Site.PoolOut.Name,
    };

    /// <summary>Runs the model on the file's inputs and compares every tensor that has a counterpart.</summary>
    /// <exception cref="CheckpointException">The file has no input for this model.</exception>
    public static IReadOnlyList<VerifiedTensor> Compare(HookedModel model, TensorSource expected, double atol = 1e-5, double rtol = 1e-5)
    {
        var rows = new List<VerifiedTensor>();
        foreach (var group in expected.Tensors.GroupBy(tensor => RunOf(tensor.Name)))
            rows.AddRange(CompareRun(model, group.ToDictionary(tensor => group.Key.Length == 0 ? tensor.Name : tensor.Name.Replace(group.Key, "", StringComparison.Ordinal), StringComparer.Ordinal), group.Key, atol, rtol));
        return rows;
    }

    private static List<VerifiedTensor> CompareRun(HookedModel model, Dictionary<string, StoredTensor> expected, string prefix, double atol, double rtol)
    {
        using var scope = NewDisposeScope();
        var input = new ModelInput();
        var inputs = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (key, tensor) in expected)
            if (InputName(model, key) is { } name)
            {
                input.Add(name, tensor.ToTensor());
                inputs.Add(key);
            }
        if (inputs.Count == 0)
            throw new CheckpointException($"The reference has no input for {model.Card.Name}: expected '{prefix}input' or one of {string.Join(", ", model.InputNames)}.");
        var places = expected.Keys.Where(key => !inputs.Contains(key)).Select(key => (Key: key, Place: PlaceOf(key))).ToList();
        var wanted = places.Select(pair => pair.Place).ToHashSet(StringComparer.Ordinal);
        var plan = model.Points.Any(point => wanted.Contains(point.Site.ToString()))
            ? HookPlan.Empty.Keep(point => wanted.Contains(point.Site.ToString()))
            : HookPlan.Empty;
        using var recording = model.Run(input, plan);
        var order = model.Points.ToDictionary(point => point.Site.ToString(), point => point.Order, StringComparer.Ordinal);
        var kept = recording.Cache.Sites.ToDictionary(site => site.ToString(), site => recording.Cache[site], StringComparer.Ordinal);
        var rows = new List<VerifiedTensor>();
        foreach (var (key, place) in places.OrderBy(pair => order.GetValueOrDefault(pair.Place, int.MaxValue)).ThenBy(pair => pair.Key, StringComparer.Ordinal))
        {
            var got = kept.GetValueOrDefault(place)
                ?? recording.Outputs.GetValueOrDefault(place.StartsWith("output.", StringComparison.Ordinal) ? place[7..] : place)
                ?? (key == "output" ? recording.Main : null);
            rows.Add(got is null
                ? new VerifiedTensor(prefix + key, null, 0, Passed: true, "not compared: the model has no such place or output")
                : Row(prefix + key, place, got, expected[key].ToTensor(), atol, rtol));
        }
        return rows;
    }

    // "interp." before a key, or behind the name of a tower, tells a second run, on another picture size.
    private static string RunOf(string key) =>
        s_runs.FirstOrDefault(run => key.StartsWith(run, StringComparison.Ordinal) || key.Contains("." + run, StringComparison.Ordinal), "");

    private static VerifiedTensor Row(string key, string place, Tensor got, Tensor want, double atol, double rtol)
    {
        using var scope = NewDisposeScope();
        if (!got.shape.Where(size => size != 1).SequenceEqual(want.shape.Where(size => size != 1)))
            return new VerifiedTensor(key, place, double.PositiveInfinity, false, $"shape [{string.Join(", ", got.shape)}], expected [{string.Join(", ", want.shape)}]");
        var (g, w) = (got.cpu().to(float64).flatten(), want.to(float64).flatten());
        var error = (g - w).abs().masked_fill(g.eq(w), 0);  // equal infinities are equal
        if (error.isnan().any().item<bool>()) return new VerifiedTensor(key, place, double.NaN, false, "not a number");
        var allowed = w.abs().masked_fill(w.isfinite().logical_not(), 0) * rtol + atol;
        var passed = !error.gt(allowed).any().item<bool>();
        return new VerifiedTensor(key, place, error.numel() == 0 ? 0 : error.max().item<double>(), passed, passed ? "" : "differs");
    }

    private static string? InputName(HookedModel model, string key) => key switch
    {
        "input" => model.InputNames[0],
        "vision.input" => "pixel_values",
        "text.input" => "input_ids",
        _ => model.InputNames.Contains(key) ? key : null,
    };

    // "vision.resid_post.3" -> "vision.blocks.3.hook_resid_post"; full names and outputs stay.
    private static string PlaceOf(string key)
    {
        var match = ShortName().Match(key);
        var (part, pool, layer) = (match.Groups["part"].Value, match.Groups["pool"].Success, match.Groups["layer"]);
        if (!match.Success || !(pool ? s_shortOfPool : s_short).TryGetValue(match.Groups["kind"].Value, out var kind)) return key;
        return part + (pool ? "head." : layer.Success ? $"blocks.{layer.Value}." : "") + kind;
    }

    [GeneratedRegex(@"^(?<part>(vision|text|predictor)\.)?(?<pool>(head|attn_pool)\.)?(?<kind>[a-z_]+)(\.(?<layer>\d+))?$")]
    private static partial Regex ShortName();
}
