using Prisma.Core;

namespace Prisma.Text;

/// <summary>Lays ids into the row that a model reads: start, words cut to what fits, end, padding.</summary>
internal static class IdRow
{
    public static int[] Lay(List<int> words, int? start, int? end, int? padding, EncodeOptions options, int contextLength) =>
        Framed(words, start is { } first ? [first] : [], end is { } last ? [last] : [], padding, options, contextLength);

    public static int[] Framed(List<int> words, int[] head, int[] tail, int? padding, EncodeOptions options, int contextLength)
    {
        var length = options.ContextLength ?? contextLength;
        int[] row = [.. words];
        if (options.Special)
        {
            var room = length - head.Length - tail.Length;
            if (room < 0) throw new OptionsException($"A context of {length} has no room for the start and end tokens.");
            row = [.. head, .. words.Take(room), .. tail];
        }
        if (!options.Pad || row.Length >= length) return row;
        if (length == int.MaxValue) throw new OptionsException("Padding was asked for, but nothing says up to which length: no configuration names a context.");
        var filler = padding ?? throw new OptionsException("Padding was asked for, but this tokenizer has no padding token.");
        return [.. row, .. Enumerable.Repeat(filler, length - row.Length)];
    }
}
