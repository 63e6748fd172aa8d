using System.Text;

namespace Prisma.Text;

/// <summary>The decoders of a tokenizer.json: how tokens become text again.</summary>
internal static class Decoders
{
    private const string Built = "Sequence, ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace, WordPiece and BPEDecoder";

    public static Func<List<string>, List<string>> Read(JsonStep? step)
    {
        // Without a decoder tokens are parted by blanks.
        if (step is not { } json) return tokens => [string.Join(' ', tokens)];
        switch (json.Type)
        {
            case "Sequence":
                Func<List<string>, List<string>>[] steps = [.. json.Steps("decoders").Select(inner => Read(inner))];
                return tokens => steps.Aggregate(tokens, (value, next) => next(value));
            case "ByteLevel": return tokens => [ByteLevel(tokens)];
            case "ByteFallback": return ByteFallback;
            case "Fuse": return tokens => [string.Concat(tokens)];
            case "Strip":
                var (content, start, stop) = (json.Required("content"), json.Number("start", 0), json.Number("stop", 0));
                return tokens => [.. tokens.Select(token => Stripped(token, content, start, stop))];
            case "Replace":
                var (pattern, by) = (json.Pattern(), json.Text("content") ?? "");
                return tokens => [.. tokens.Select(token => pattern.Replace(token, by))];
            case "Metaspace":
                var mark = json.Text("replacement") ?? "▁";
                var drops = (json.Text("prepend_scheme") ?? (json.Flag("add_prefix_space", true) ? "always" : "never")) != "never";
                return tokens => [.. tokens.Select((token, i) => (drops && i == 0 && token.StartsWith(mark, StringComparison.Ordinal) ? token[mark.Length..] : token).Replace(mark, " ", StringComparison.Ordinal))];
            case "WordPiece":
                var (prefix, cleans) = (json.Text("prefix") ?? "##", json.Flag("cleanup", true));
                return tokens => [.. tokens.Select((token, i) => WordPiece(token, i, prefix, cleans))];
            case "BPEDecoder":
                var suffix = json.Text("suffix") ?? "</w>";
                return tokens => [.. tokens.Select((token, i) => token.Replace(suffix, i == tokens.Count - 1 ? "" : " ", StringComparison.Ordinal))];
            default: throw json.NotBuilt("decoder", Built);
        }
    }

    // A token that is no row of bytes, an added one, stands for itself.
    private static string ByteLevel(List<string> tokens)
    {
        var bytes = new List<byte>();
        foreach (var token in tokens) bytes.AddRange(ByteAlphabet.TryRead(token) ?? Encoding.UTF8.GetBytes(token));
        return Encoding.UTF8.GetString([.. bytes]);
    }

    // Bytes in a row are read together; if they are no UTF-8, each is a replacement character.
    private static List<string> ByteFallback(List<string> tokens)
    {
        var (decoded, row) = (new List<string>(tokens.Count), new List<byte>());
        foreach (var token in tokens)
        {
            if (ByteTokens.Read(token) is { } value)
            {
                row.Add(value);
                continue;
            }
            Flush();
            decoded.Add(token);
        }
        Flush();
        return decoded;

        void Flush()
        {
            if (row.Count == 0) return;
            try
            {
                decoded.Add(new UTF8Encoding(false, throwOnInvalidBytes: true).GetString([.. row]));
            }
            catch (DecoderFallbackException)
            {
                decoded.AddRange(Enumerable.Repeat("\uFFFD", row.Count));
            }
            row.Clear();
        }
    }

    private static string Stripped(string token, string content, int start, int stop)
    {
        for (var k = 0; k < start && token.StartsWith(content, StringComparison.Ordinal); k++) token = token[content.Length..];
        for (var k = 0; k < stop && token.EndsWith(content, StringComparison.Ordinal); k++) token = token[..^content.Length];
        return token;
    }

    private static string WordPiece(string token, int index, string prefix, bool cleans)
    {
        if (index > 0) token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
        if (!cleans) return token;
        foreach (var (from, to) in new[] { (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re") })
            token = token.Replace(from, to, StringComparison.Ordinal);
        return token;
    }
}
