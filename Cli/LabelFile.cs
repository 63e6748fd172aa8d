using System.Globalization;
using Prisma.Circuits;
using Prisma.Core;

namespace Prisma.Cli;

/// <summary>What pictures are called: lines of a file's name, a tab or comma, and the label or caption. Names match with or without folders.</summary>
internal sealed class LabelFile
{
    private readonly Dictionary<string, string> _labels = new(StringComparer.Ordinal);
    private readonly string _path;

    internal LabelFile(string path)
    {
        _path = path;
        if (!File.Exists(path)) throw new OptionsException($"There is no file '{path}' with labels.");
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            if (line.Length == 0) continue;
            var cut = line.Contains('\t') ? line.IndexOf('\t') : line.IndexOf(',');
            if (cut <= 0 || cut == line.Length - 1) throw new OptionsException($"'{path}', line {number}: a picture, a tab or comma and its label are needed; found '{line}'.");
            if (!_labels.TryAdd(line[..cut].Trim(), line[(cut + 1)..].Trim())) throw new OptionsException($"'{path}', line {number}: '{line[..cut]}' has a label already.");
        }
        if (_labels.Count == 0) throw new OptionsException($"'{path}' has no labels.");
    }

    /// <summary>All labels that occur, sorted.</summary>
    internal IReadOnlyList<string> Names => [.. _labels.Values.Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The label of a picture.</summary>
    internal string this[string picture] => _labels.TryGetValue(picture, out var label) || _labels.TryGetValue(Path.GetFileName(picture), out label)
        ? label
        : throw new OptionsException($"'{_path}' has no label for '{picture}'.");

    /// <summary>The class of a picture: its label is a name of the model's or a number.</summary>
    internal int ClassOf(string picture, ModelCard card) => NumberOf(this[picture], card);

    /// <summary>A class by name or number.</summary>
    internal static int NumberOf(string label, ModelCard card) =>
        int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : ClassName.Find(label, card);
}
