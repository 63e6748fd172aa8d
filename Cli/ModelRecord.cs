using System.Globalization;
using Prisma.Core;

namespace Prisma.Cli;

/// <summary>A registered model as a record for JSON, and its numbers as words.</summary>
internal static class ModelRecord
{
    private static readonly (string Name, int Bytes)[] s_types = [("float32", 4), ("bfloat16", 2), ("float16", 2)];

    internal static object Of(RegisteredModel model)
    {
        var sizes = model.Architecture;
        return new
        {
            model.Name,
            model.Aliases,
            model.Hub,
            model.Elsewhere,
            model.File,
            sizes.Family,
            built = Models.IsBuilt(model),
            model.Preprocessing,
            model.Licence,
            sizes.Parameters,
            sizes.ImageParameters,
            sizes.Image,
            sizes.Patch,
            sizes.Tubelet,
            sizes.Frames,
            sizes.DModel,
            sizes.Layers,
            sizes.Heads,
            sizes.KeyValueHeads,
            sizes.DMlp,
            sizes.Prefix,
            sizes.Tokens,
            sizes.Output,
            sizes.Vocabulary,
            sizes.Context,
            sizes.Activation,
            sizes.Source,
            verified = model.Verified.ToString().ToLowerInvariant(),
            model.Prisma,
            model.Remarks,
        };
    }

    internal static string Count(long? values) => values switch
    {
        null => "",
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{values / 1e9:f2}G"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{values / 1e6:f1}M"),
    };

    /// <summary>What the weights take in memory, by type.</summary>
    internal static IReadOnlyDictionary<string, long> Memory(long parameters) => s_types.ToDictionary(type => type.Name, type => parameters * type.Bytes);
}
