using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>What writes into a residual stream or reads from it.</summary>
public enum StreamRole
{
    /// <summary>Writes: the stream before the first block.</summary>
    Input,
    /// <summary>Writes: one attention head.</summary>
    Head,
    /// <summary>Writes and reads: the MLP of a block.</summary>
    Mlp,
    /// <summary>Reads: the queries of one head.</summary>
    Query,
    /// <summary>Reads: the keys of one (key) head.</summary>
    Key,
    /// <summary>Reads: the values of one (key) head.</summary>
    Value,
    /// <summary>Reads: what comes after the last block.</summary>
    Output,
}

/// <summary>One writer or reader of a residual stream.</summary>
/// <param name="Role">What it is.</param>
/// <param name="Layer">Its block; 0 for the input, the number of blocks for the output.</param>
/// <param name="Head">Its head; 0 where it has none.</param>
public readonly record struct StreamNode(StreamRole Role, int Layer, int Head = 0)
{
    /// <summary><c>input</c>, <c>a3.h1</c>, <c>m2</c>, <c>a3.h1.q</c>, <c>logits</c>: the names that EAP uses.</summary>
    public override string ToString() => Role switch
    {
        StreamRole.Input => "input",
        StreamRole.Output => "logits",
        StreamRole.Mlp => $"m{Layer}",
        StreamRole.Head => $"a{Layer}.h{Head}",
        StreamRole.Query => $"a{Layer}.h{Head}.q",
        StreamRole.Key => $"a{Layer}.h{Head}.k",
        _ => $"a{Layer}.h{Head}.v",
    };

    /// <summary>Reads a name as <see cref="ToString"/> writes it. Borders only.</summary>
    /// <param name="text">The name.</param>
    /// <param name="layers">The number of blocks, for the output.</param>
    /// <exception cref="OptionsException">It has another form.</exception>
    public static StreamNode Parse(string text, int layers)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text == "input") return new StreamNode(StreamRole.Input, 0);
        if (text == "logits") return new StreamNode(StreamRole.Output, layers);
        var parts = text.Split('.');
        if (parts.Length == 1 && text.StartsWith('m') && int.TryParse(text.AsSpan(1), out var block)) return new StreamNode(StreamRole.Mlp, block);
        if (parts.Length is 2 or 3 && parts[0].StartsWith('a') && parts[1].StartsWith('h')
            && int.TryParse(parts[0].AsSpan(1), out var layer) && int.TryParse(parts[1].AsSpan(1), out var head)
            && (parts.Length == 2 ? StreamRole.Head : parts[2] switch { "q" => StreamRole.Query, "k" => StreamRole.Key, "v" => StreamRole.Value, _ => StreamRole.Output }) is var role && role != StreamRole.Output)
            return new StreamNode(role, layer, head);
        throw new OptionsException($"'{text}' names no node: input, a3.h1, m2 write; a3.h1.q, a3.h1.k, a3.h1.v, m2, logits read.");
    }
}
