using System.Text.RegularExpressions;

namespace Prisma.Cli;

/// <summary>
/// The short codes that the literature uses for the transformers of a U-net, on the command line only: <c>down.2.1</c>, <c>mid.0</c>,
/// <c>up.0.1</c>. Alone they mean what the block adds to its input.
/// </summary>
internal static partial class ShortCodes
{
    /// <summary>A place or pattern with a leading code written out; others as they are.</summary>
    internal static string Expand(string text)
    {
        var match = Code().Match(text);
        if (!match.Success) return text;
        var block = match.Groups["mid"].Success
            ? $"unet.mid_block.attentions.{match.Groups["mid"].Value}"
            : $"unet.{match.Groups["way"].Value}_blocks.{match.Groups["level"].Value}.attentions.{match.Groups["number"].Value}";
        var rest = match.Groups["rest"].Value;
        return block + (rest.Length > 0 ? rest : ".hook_update");
    }

    /// <summary>The same for a text that begins with a place and goes on behind a mark: <c>up.0.1:4977=+8</c>.</summary>
    internal static string Expand(string text, char mark)
    {
        var at = text.IndexOf(mark, StringComparison.Ordinal);
        return at < 0 ? text : Expand(text[..at]) + text[at..];
    }

    [GeneratedRegex(@"^(?:(?<way>down|up)\.(?<level>\d+)\.(?<number>\d+)|mid\.(?<mid>\d+))(?<rest>(?:\..+)?)$")]
    private static partial Regex Code();
}
