using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>Classes by number or label, and how they are written in legends.</summary>
public static class ClassName
{
    /// <summary>"281 (tabby cat)", or only the number where the model has no labels.</summary>
    public static string Of(int index, IReadOnlyList<string> labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        return index >= 0 && index < labels.Count ? $"{index} ({labels[index]})" : $"{index}";
    }

    /// <summary>
    /// The class of a label: exactly, else whatever the case, else as one of a label's comma-separated synonyms ("tabby, tabby cat").
    /// </summary>
    /// <exception cref="OptionsException">No label or several fit; the message names the nearest.</exception>
    public static int Find(string label, ModelCard card)
    {
        ArgumentNullException.ThrowIfNull(label);
        ArgumentNullException.ThrowIfNull(card);
        if (card.Labels.Count == 0) throw new OptionsException($"{card.Name} has no class labels; name the class by number: class:0.");
        if (TryFind(label, card) is { } index) return index;
        throw new OptionsException($"{card.Name} has no class labelled '{label}'. Nearest: {string.Join("; ", NearestNames.Of(label, card.Labels))}.");
    }

    internal static int? TryFind(string label, ModelCard card)
    {
        label = label.Trim();
        foreach (var fits in new Func<string, bool>[]
        {
            name => name == label,
            name => name.Equals(label, StringComparison.OrdinalIgnoreCase),
            name => name.Split(',').Any(synonym => synonym.Trim().Equals(label, StringComparison.OrdinalIgnoreCase)),
        })
        {
            var found = Enumerable.Range(0, card.Labels.Count).Where(k => fits(card.Labels[k])).ToList();
            if (found.Count > 1)
                throw new OptionsException($"'{label}' fits the classes {string.Join(", ", found.Select(k => ClassName.Of(k, card.Labels)))}; name one by number.");
            if (found.Count == 1) return found[0];
        }
        return null;
    }
}
