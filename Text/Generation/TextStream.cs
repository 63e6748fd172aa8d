namespace Prisma.Text;

/// <summary>Turns ids into text piece by piece, as they come: what was shown once stays, and a character is shown when all its bytes are there.</summary>
public sealed class TextStream(ITokenizer tokenizer)
{
    private const char Incomplete = '\uFFFD';
    private readonly List<int> _ids = [];
    private string _shown = "";

    /// <summary>Takes one more id and gives the text that it adds; special tokens add none.</summary>
    public string Add(int id)
    {
        if (!tokenizer.IsSpecial(id)) _ids.Add(id);
        var whole = Text;
        if (whole.EndsWith(Incomplete)) return "";
        return Advance(whole);
    }

    /// <summary>The text so far.</summary>
    public string Text => tokenizer.Decode([.. _ids]);

    /// <summary>What was held back, at the end of the text.</summary>
    public string End() => Advance(Text);

    private string Advance(string whole)
    {
        var added = whole.Length > _shown.Length && whole.StartsWith(_shown, StringComparison.Ordinal) ? whole[_shown.Length..] : "";
        if (added.Length > 0) _shown = whole;
        return added;
    }
}
