using System.Text.Json.Nodes;

namespace Prisma.Demo;

/// <summary>
/// A byte-pair vocabulary in CLIP's layout in which every word of the captions is one token: all bytes, the merges that make the words,
/// and the two marks at the ends.
/// </summary>
internal sealed class CaptionVocabulary
{
    /// <summary>Tokens of the longest caption with its two marks, and some room.</summary>
    public const int Context = 16;

    private const string Start = "<|startoftext|>", End = "<|endoftext|>", WordEnd = "</w>";

    private readonly List<(string Left, string Right)> _merges = [];

    public CaptionVocabulary()
    {
        string[] words = ["a", "an", "at", "in", "the", "on", "ground", .. PictureTraits.All.SelectMany(trait => trait.Answers()).SelectMany(answer => answer.Split(' '))];
        foreach (string word in words.Distinct())
            for (List<string> parts = Cut(word); parts.Count > 1; parts = Cut(word))
                _merges.Add((parts[0], parts[1]));
        string[] letters = [.. Text.ByteAlphabet.PrintingFirst.Select(value => Text.ByteAlphabet.Show(value).ToString())];
        Tokens = [.. letters, .. letters.Select(letter => letter + WordEnd), .. _merges.Select(pair => pair.Left + pair.Right), Start, End];
    }

    /// <summary>All tokens in the order of their ids; the mark at the end has the greatest.</summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>What <c>vocab.json</c> holds.</summary>
    public JsonObject Ids => new(Tokens.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id)));

    /// <summary>What <c>merges.txt</c> holds.</summary>
    public string Merges => "#version: 0.2\n" + string.Join('\n', _merges.Select(pair => $"{pair.Left} {pair.Right}"));

    /// <summary>What <c>tokenizer_config.json</c> holds.</summary>
    public static JsonObject Settings => new()
    {
        ["tokenizer_class"] = "CLIPTokenizer",
        ["model_max_length"] = Context,
        ["bos_token"] = Start,
        ["eos_token"] = End,
        ["unk_token"] = End,
        ["pad_token"] = End,
    };

    // The pair that was merged first goes first, as the tokenizer will do it.
    private List<string> Cut(string word)
    {
        List<string> parts = [.. word[..^1].Select(letter => letter.ToString()), word[^1] + WordEnd];
        foreach (var (left, right) in _merges)
        {
            for (int i = 0; i + 1 < parts.Count; i++)
            {
                if (parts[i] != left || parts[i + 1] != right) continue;
                parts[i] = left + right;
                parts.RemoveAt(i + 1);
            }
        }
        return parts;
    }
}
