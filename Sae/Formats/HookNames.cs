using System.Globalization;
using System.Text.RegularExpressions;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Places as coder files spell them.</summary>
internal static partial class HookNames
{
    /// <summary>The place of a name; none where the name is empty or not known here (the coder can still encode).</summary>
    internal static IReadOnlyList<HookSite> Read(string name)
    {
        if (name.Length == 0) return [];
        try
        {
            return [Site.Parse(name)];
        }
        catch (SiteNotFoundException)
        {
            return [];
        }
    }

    /// <summary>One place for each of several names; none at all where one is not known here.</summary>
    internal static IReadOnlyList<HookSite> ReadAll(IReadOnlyList<string> names)
    {
        var places = names.SelectMany(Read).ToList();
        return places.Count == names.Count ? places : [];
    }

    /// <summary>What a module of a transformer writes, by the module's path (<c>layers.10</c>, <c>h.3.mlp</c>, <c>embed_tokens</c>); empty where it is another module.</summary>
    internal static string OutputOf(string module)
    {
        if (module is "embed_tokens" or "wte" or "embed_in") return Site.Embed.Name;
        var match = Module().Match(module);
        if (!match.Success) return "";
        var kind = match.Groups["part"].Value switch
        {
            "" => Site.ResidPost,
            "mlp" => Site.MlpModuleOut,
            _ => Site.AttnModuleOut,
        };
        return $"blocks.{match.Groups["layer"].Value}.{kind.Name}";
    }

    /// <summary>What a module of a transformer reads, by the module's path; empty where it is another module.</summary>
    internal static string InputOf(string module)
    {
        var match = Module().Match(module);
        if (!match.Success) return "";
        var kind = match.Groups["part"].Value switch
        {
            "" => Site.ResidPre,
            "mlp" => Site.MlpModuleIn,
            _ => Site.AttnModuleIn,
        };
        return $"blocks.{match.Groups["layer"].Value}.{kind.Name}";
    }

    /// <summary>The number in a path such as <c>layer_20/…</c>; null where there is none.</summary>
    internal static int? LayerIn(string path) =>
        LayerFolder().Match(path) is { Success: true } match ? int.Parse(match.Groups["layer"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture) : null;

    [GeneratedRegex(@"(?:^|\.)(?:layers|layer|h|blocks)\.(?<layer>\d{1,4})(?:\.(?<part>mlp|attn|self_attn|attention))?$")]
    private static partial Regex Module();

    [GeneratedRegex(@"(?:^|[/\\])layer_(?<layer>\d{1,4})(?=[_./\\]|$)", RegexOptions.RightToLeft)]
    private static partial Regex LayerFolder();
}
