using System.Globalization;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>One part of a training step with its number, written <c>clip(1.0)</c>.</summary>
/// <param name="Kind">What is done.</param>
/// <param name="Number">How much; 0 where none is written.</param>
public readonly record struct UpdatePart(UpdateKind Kind, double Number)
{
    private static readonly Dictionary<string, UpdateKind> s_names = new(StringComparer.Ordinal)
    {
        ["loss"] = UpdateKind.Loss,
        ["project"] = UpdateKind.Project,
        ["clip"] = UpdateKind.Clip,
        ["step"] = UpdateKind.Step,
        ["unit_decoder"] = UpdateKind.UnitDecoder,
        ["fold_decoder"] = UpdateKind.FoldDecoder,
    };

    /// <summary>Reads an order of parts.</summary>
    /// <exception cref="OptionsException">A part is unknown, or loss and step do not each come once in this order.</exception>
    public static IReadOnlyList<UpdatePart> Parse(IEnumerable<string> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        IReadOnlyList<UpdatePart> order = [.. parts.Select(Parse)];
        var (loss, step) = (order.Select(part => part.Kind).ToList().IndexOf(UpdateKind.Loss), order.Select(part => part.Kind).ToList().IndexOf(UpdateKind.Step));
        if (loss < 0 || step < loss || order.Count(part => part.Kind is UpdateKind.Loss or UpdateKind.Step) != 2)
            throw new OptionsException($"update [{string.Join(", ", parts)}]: 'loss' and then 'step' must each come once.");
        if (order.Where((part, k) => part.Kind is UpdateKind.Project or UpdateKind.Clip && (k < loss || k > step)).Any())
            throw new OptionsException($"update [{string.Join(", ", parts)}]: 'project' and 'clip' change gradients and belong between 'loss' and 'step'.");
        return order;
    }

    private static UpdatePart Parse(string text)
    {
        var open = text.IndexOf('(', StringComparison.Ordinal);
        var name = open < 0 ? text : text[..open];
        double number = 0;
        if (!s_names.TryGetValue(name, out var kind)
            || (open >= 0 && !(text.EndsWith(')') && double.TryParse(text[(open + 1)..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out number)))
            || (kind == UpdateKind.Clip && !(number > 0)))
            throw new OptionsException($"update '{text}' is unknown: use {string.Join(", ", s_names.Keys)}, with a number as in clip(1.0).");
        return new UpdatePart(kind, number);
    }
}
