using System.Text.Json;
using Prisma.Core;
using Prisma.Text;

namespace Prisma.Tests;

public sealed class ClipTokenizerTests
{
    private const int EndOfText = 49407;
    private static readonly string Folder = Fixtures.Find("tokenizer");
    private static readonly Lazy<ITokenizer> OpenAi = new(() => Tokenizers.Open(Folder, TokenizerStyle.OpenAi));
    private static readonly Lazy<ITokenizer> HuggingFace = new(() => Tokenizers.Open(Folder, TokenizerStyle.HuggingFace));
    private static readonly JsonElement[] Cases = Read("cases.json", root => root.GetProperty("cases"));

    public static TheoryData<int> Numbers => [.. Enumerable.Range(0, Cases.Length)];

    [Theory]
    [MemberData(nameof(Numbers))]
    public void OpenAi_ids_are_the_reference_ones(int number)
    {
        var (text, expected) = Case(number);
        Assert.Equal(expected("openai_tokens"), OpenAi.Value.Encode(text, new() { Special = false }));
        Assert.Equal(expected("openai_ids"), OpenAi.Value.Encode(text));
        Assert.Equal(Padded(expected("openai_ids")!, 0), OpenAi.Value.Encode(text, new() { Pad = true }));
        Assert.Equal(Cases[number].GetProperty("decoded").GetString(), OpenAi.Value.Decode(expected("openai_tokens")));
    }

    [Theory]
    [MemberData(nameof(Numbers))]
    public void Hugging_Face_ids_are_the_reference_ones_with_and_without_repair(int number)
    {
        var (text, expected) = Case(number);
        var plain = expected("hf_ids")!;
        Assert.Equal(Padded(plain, EndOfText), HuggingFace.Value.Encode(text, new() { Pad = true }));
        Assert.Equal(plain, Stripped(HuggingFace.Value.Encode(text)));
        Assert.Equal(expected("hf_ids_with_ftfy") ?? plain, Stripped(HuggingFace.Value.Encode(text, new() { Repair = true })));
    }

    [Fact]
    public void A_padding_token_in_the_text_is_that_token_and_fills_the_row()
    {
        using var folder = new TempFolder();
        File.Copy(Path.Combine(Folder, "bpe_simple_vocab_16e6.txt.gz"), folder["bpe_simple_vocab_16e6.txt.gz"]);
        File.WriteAllText(folder["tokenizer_config.json"], """{"pad_token":"!","model_max_length":77,"tokenizer_class":"CLIPTokenizer"}""");
        var tokenizer = Tokenizers.Open(folder.Path, TokenizerStyle.HuggingFace);
        Assert.Equal(0, tokenizer.PaddingId);
        for (var i = 0; i < Cases.Length; i++)
        {
            var (text, expected) = Case(i);
            Assert.Equal(Padded(expected("hf_pad_bang_ids")!, 0), tokenizer.Encode(text, new() { Pad = true }));
        }
    }

    [Fact]
    public void Repaired_text_gives_the_reference_ids()
    {
        foreach (var item in Read("repair_cases.json", root => root))
        {
            var expected = item.GetProperty("openai_tokens").EnumerateArray().Select(id => id.GetInt32());
            Assert.Equal(expected, OpenAi.Value.Encode(item.GetProperty("text").GetString()!, new() { Special = false }));
        }
    }

    [Fact]
    public void A_word_of_100000_characters_comes_back_whole()
    {
        var ids = OpenAi.Value.Encode(new string('a', 100_000), new() { Special = false });
        Assert.Equal(100_000, OpenAi.Value.Decode(ids).Count(c => c == 'a'));
    }

    [Fact]
    public void Letters_beyond_the_first_plane_form_words()
    {
        // U+10428 is a small Deseret letter: three of them are one word, six bytes of the vocabulary's alphabet each.
        var together = OpenAi.Value.Encode("\U00010400\U00010401\U00010402", new() { Special = false });
        var apart = OpenAi.Value.Encode("\U00010428 \U00010429 \U0001042A", new() { Special = false });
        Assert.NotEqual(apart, together);
        Assert.Equal("\U00010428\U00010429\U0001042A ", OpenAi.Value.Decode(together));
    }

    [Fact]
    public void Threads_share_a_tokenizer()
    {
        var texts = Cases.Select(item => item.GetProperty("prompt").GetString()!).ToArray();
        var expected = texts.Select(text => OpenAi.Value.Encode(text)).ToArray();
        Parallel.For(0, 200, i => Assert.Equal(expected[i % texts.Length], OpenAi.Value.Encode(texts[i % texts.Length])));
    }

    [Fact]
    public void Another_context_length_cuts_there_and_none_too_short_is_taken()
    {
        Assert.Equal([49406, 320, EndOfText], OpenAi.Value.Encode("a photo of a cat", new() { ContextLength = 3 }));
        Assert.Throws<OptionsException>(() => OpenAi.Value.Encode("a", new() { ContextLength = 1 }));
    }

    [Fact]
    public void An_id_outside_the_vocabulary_is_refused_with_its_number()
    {
        var error = Assert.Throws<OptionsException>(() => OpenAi.Value.Decode([49408]));
        Assert.Contains("49408", error.Message, StringComparison.Ordinal);
    }

    private static (string Text, Func<string, int[]?> Expected) Case(int number)
    {
        var item = Cases[number];
        return (item.GetProperty("prompt").GetString()!, key => item.TryGetProperty(key, out var ids)
            ? [.. ids.EnumerateArray().Select(id => id.GetInt32())]
            : null);
    }

    private static JsonElement[] Read(string name, Func<JsonElement, JsonElement> list) =>
        [.. list(JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, name))).RootElement).EnumerateArray()];

    private static int[] Padded(int[] ids, int with) => [.. ids, .. Enumerable.Repeat(with, 77 - ids.Length)];

    // The reference lists drop every end token at the end, the one that closes the text too.
    private static int[] Stripped(int[] ids) => [.. ids.Reverse().SkipWhile(id => id == EndOfText).Reverse()];
}
