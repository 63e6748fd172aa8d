using System.Text.Json;
using Prisma.Core;

namespace Prisma.Text;

/// <summary>Rotary positions as a configuration names them: θ and how frequencies are stretched.</summary>
public sealed class RopeSettings
{
    private RopeSettings(double theta, RopeFrequencies frequencies) => (Theta, Frequencies) = (theta, frequencies);

    /// <summary>θ, the base of the frequencies.</summary>
    public double Theta { get; }

    /// <summary>How much farther than <c>max_position_embeddings</c> the stretching reaches.</summary>
    public double Reach => Frequencies.Reach;

    internal RopeFrequencies Frequencies { get; }

    /// <summary>Rotary positions without stretching.</summary>
    public static RopeSettings Plain(double theta = 10000) => new(theta, new PlainFrequencies());

    /// <summary>Reads <c>rope_theta</c> and <c>rope_scaling</c>; newer files have both in <c>rope_parameters</c>.</summary>
    /// <param name="json">The configuration; faults go there.</param>
    /// <param name="context">Its <c>max_position_embeddings</c>.</param>
    /// <param name="theta">θ where the file has none.</param>
    /// <param name="thetaKey">The key of θ.</param>
    /// <param name="original">The trained length where the configuration has it beside <paramref name="context"/>, which then is the stretched one.</param>
    /// <param name="width">How many axes of a head are turned, where it is known: lists of factors have one for each pair.</param>
    public static RopeSettings Read(ConfigReader json, int context, double theta = 10000, string thetaKey = "rope_theta", int? original = null, int? width = null)
    {
        ArgumentNullException.ThrowIfNull(json);
        var @base = json.Double(thetaKey, theta);
        var holder = json.Has("rope_parameters") ? "rope_parameters" : "rope_scaling";
        if (!json.Has(holder)) return Plain(@base);
        var scaling = new ConfigReader(json.Object(holder), $"'{holder}'");
        @base = scaling.Double("rope_theta", @base);
        try
        {
            return new RopeSettings(@base, Stretching(scaling, context, original, width));
        }
        catch (CheckpointException fault)
        {
            json.Require(false, fault.Message.TrimEnd('.'));
            return Plain(@base);
        }
    }

    private static RopeFrequencies Stretching(ConfigReader json, int context, int? original, int? width)
    {
        var kind = json.Text("rope_type", json.Text("type", "default"));
        json.Require(!json.Has("partial_rotary_factor"), "'partial_rotary_factor' inside the rotary settings is not built");
        if (kind == "default")
        {
            json.Ignore("factor");
            json.Finish();
            return new PlainFrequencies();
        }
        json.Require(kind is "linear" or "dynamic" or "llama3" or "yarn" or "longrope" or "su", $"the stretching '{kind}' is not built; linear, dynamic, llama3, yarn and longrope are").Check();
        if (kind is "longrope" or "su") return Long(json, context, original, width);
        var factor = json.Double("factor");
        json.Require(factor >= 1, $"the factor {factor} is below 1");
        RopeFrequencies made = kind switch
        {
            "linear" => new LinearFrequencies(factor),
            "dynamic" => new DynamicFrequencies(factor, Original(json, context)),
            "llama3" => new Llama3Frequencies(factor, json.Double("low_freq_factor"), json.Double("high_freq_factor"), json.Int("original_max_position_embeddings")),
            _ => new YarnFrequencies(factor, json.Double("attention_factor", 0.1 * Math.Log(factor) + 1), json.Double("beta_fast", 32), json.Double("beta_slow", 1), Original(json, context)),
        };
        json.Finish();
        return made;
    }

    // Factors for each pair; how much scores grow follows from how far the text is stretched.
    private static LongFrequencies Long(ConfigReader json, int context, int? original, int? width)
    {
        var trained = original ?? json.Int("original_max_position_embeddings");
        var factor = (double)context / trained;
        var magnitude = json.Double("attention_factor", factor <= 1 ? 1 : Math.Sqrt(1 + Math.Log(factor) / Math.Log(trained)));
        json.Ignore("factor", "original_max_position_embeddings");
        var (near, far) = (json.Doubles("short_factor") ?? [], json.Doubles("long_factor") ?? []);
        json.Require(near.Count > 0 && near.Count == far.Count && (width is null || near.Count == width / 2),
            $"'short_factor' has {near.Count} and 'long_factor' {far.Count} numbers{(width is { } turned ? $"; {turned / 2} pairs are turned" : "")}").Check();
        json.Require(near.Concat(far).All(number => number > 0 && double.IsFinite(number)), "a factor of 'short_factor' or 'long_factor' is not above 0").Check();
        json.Finish();
        return new LongFrequencies([.. near.Select(number => (float)number)], [.. far.Select(number => (float)number)], magnitude, trained);
    }

    // Releases of the reference disagree on which of the two lengths counts where they differ.
    private static int Original(ConfigReader json, int context)
    {
        var original = json.Int("original_max_position_embeddings", context);
        json.Require(original == context, $"'original_max_position_embeddings' {original} beside max_position_embeddings {context} is read differently by releases of the reference and is not built");
        return context;
    }
}
