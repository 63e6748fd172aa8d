using System.Text.Json;
using Prisma.Text;

namespace Prisma.Tests;

/// <summary>SentencePiece models against ids that their reference gives, against the same model as tokenizer.json, and against merging by hand.</summary>
public sealed class SentencePieceTests
{
    private static readonly string[] s_texts = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Find("tokenizer/pipelines.json"))).RootElement
        .GetProperty("texts").EnumerateArray().Select(text => text.GetString()!).ToArray();

    [Theory]
    [InlineData("test_sentencepiece", "This is a test", new[] { 285, 46, 10, 170, 382 })]
    [InlineData("test_sentencepiece", "I was born in 92000, and this is falsé.", new[] { 8, 21, 84, 55, 24, 19, 7, 0, 602, 347, 347, 347, 3, 12, 66, 46, 72, 80, 6, 0, 4 })]
    [InlineData("test_sentencepiece_with_bytefallback", "This is a test", new[] { 465, 287, 265, 631, 842 })]
    [InlineData("test_sentencepiece_with_bytefallback", "I was born in 92000, and this is falsé.",
        new[] { 262, 272, 1525, 286, 271, 268, 60, 916, 633, 633, 633, 259, 266, 301, 287, 384, 367, 263, 198, 172, 260 })]
    [InlineData("test_sentencepiece_bpe", "This is a test", new[] { 474, 97, 5, 3, 263 })]
    public void Ids_are_those_of_the_reference(string model, string text, int[] ids) => Assert.Equal(ids, Open(model).Encode(text));

    [Theory]
    [InlineData("test_sentencepiece", "unigram")]
    [InlineData("test_sentencepiece_with_bytefallback", "unigram_bytes")]
    public void A_unigram_model_gives_what_it_gives_as_tokenizer_json(string model, string json)
    {
        var (own, other) = (Open(model), Tokenizers.Open(Fixtures.Find($"tokenizer/json/{json}")));
        // Special tokens in a text, blanks at its end (U+FFFD becomes one) and ties, which single and double precision break otherwise, are
        // where the two libraries differ.
        foreach (var text in s_texts.Where(text => !text.Contains("s>", StringComparison.Ordinal) && !text.Contains("---", StringComparison.Ordinal)
            && text == text.TrimEnd('\uFFFD', ' ', '\n') && text.Length > 0))
            Assert.Equal(other.Encode(text, new() { Special = false }), own.Encode(text));
    }

    [Fact]
    public void Pairs_merge_as_by_hand()
    {
        var file = SentencePieceFile.Read(Fixtures.Find("tokenizer/sentencepiece/test_sentencepiece_bpe/tokenizer.model"));
        var ids = file.Pieces.Select((piece, id) => (piece, id)).Where(pair => pair.piece.Type == PieceType.Normal).ToDictionary(pair => pair.piece.Text, pair => pair.id);
        var normalizer = new SentencePieceNormalizer(file, new UserSymbols([]));
        var tokenizer = Open("test_sentencepiece_bpe");
        foreach (var text in s_texts)
        {
            var symbols = normalizer.Normalize(text).EnumerateRunes().Select(rune => rune.ToString()).ToList();
            while (true)
            {
                var best = Enumerable.Range(0, Math.Max(0, symbols.Count - 1)).Where(i => ids.ContainsKey(symbols[i] + symbols[i + 1]))
                    .OrderByDescending(i => file.Pieces[ids[symbols[i] + symbols[i + 1]]].Score).ThenBy(i => i).Cast<int?>().FirstOrDefault();
                if (best is not { } at) break;
                symbols[at] += symbols[at + 1];
                symbols.RemoveAt(at + 1);
            }
            var row = symbols.Select(symbol => ids.GetValueOrDefault(symbol, file.Unknown)).ToList();
            Assert.Equal(row.Where((id, i) => id != file.Unknown || i == 0 || row[i - 1] != id), tokenizer.Encode(text));
        }
    }

    [Fact]
    public void Text_comes_back_with_its_bytes()
    {
        var tokenizer = Open("test_sentencepiece_with_bytefallback");
        Assert.Equal("I was born in 92000, and this is falsé. 今日", tokenizer.Decode(tokenizer.Encode("I was born in 92000, and this is falsé. 今日")));
        Assert.Contains("\u2047", Open("test_sentencepiece").Decode(Open("test_sentencepiece").Encode("falsé")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_configuration_says_what_is_set_around_a_text()
    {
        using var folder = new TempFolder();
        File.Copy(Fixtures.Find("tokenizer/sentencepiece/test_sentencepiece_bpe/tokenizer.model"), folder["tokenizer.model"]);
        File.WriteAllText(folder["tokenizer_config.json"], """{"tokenizer_class":"LlamaTokenizer","add_eos_token":true}""");
        var tokenizer = Tokenizers.Open(folder.Path);
        Assert.Equal([1, 474, 97, 5, 3, 263, 2], tokenizer.Encode("This is a test"));
        Assert.Equal([1, 474, 97, 5, 3, 263, 2, 2], tokenizer.Encode("This is a test</s>"));
        Assert.True(tokenizer.IsSpecial(1) && !tokenizer.IsSpecial(474));
    }

    private static ITokenizer Open(string model) => Tokenizers.Open(Fixtures.Find($"tokenizer/sentencepiece/{model}"));
}
