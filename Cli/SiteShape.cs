using Prisma.Core;

namespace Prisma.Cli;

/// <summary>The shape of a place, from its axes and a model's sizes; B is the batch, T the tokens of a text.</summary>
internal static class SiteShape
{
    internal static string Of(HookPoint point, ModelArchitecture? sizes)
    {
        // The registry's sizes are those of the one stack, or of the image tower where there are two.
        var own = point.Site.Path.Part is "" or Part.Vision;
        return $"[{string.Join(", ", point.Kind.Axes.Select(axis => Length(axis, own ? sizes : null)))}]";
    }

    private static string Length(Axis axis, ModelArchitecture? sizes) => axis switch
    {
        Axis.Batch => "B",
        Axis.One => "1",
        Axis.Token or Axis.Query or Axis.Key => $"{sizes?.Tokens}" is { Length: > 0 } tokens ? tokens : "T",
        Axis.Patch => sizes?.Tokens is { } all ? $"{all - (sizes.Prefix ?? 0)}" : "T",
        Axis.Model => Word(sizes?.DModel, "d_model"),
        Axis.Head => Word(sizes?.Heads, "heads"),
        Axis.HeadWidth => Word(sizes is { DModel: { } width, Heads: { } heads } ? width / heads : null, "d_head"),
        Axis.Neuron => Word(sizes?.DMlp, "d_mlp"),
        Axis.Output => Word(sizes?.Output, "output"),
        _ => axis.ToString().ToLowerInvariant(),
    };

    private static string Word(int? number, string otherwise) => number is { } known ? $"{known}" : otherwise;
}
