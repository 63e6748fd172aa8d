using System.Text.Json;
using Prisma.Text;

namespace Prisma.Tests;

/// <summary>
/// tokenizer.json files against the reference library, text by text; tests/fixtures/tokenizer/README.md says
/// how the expected ids were made.
/// </summary>
public sealed class PipelineTokenizerTests
{
    private static readonly Lazy<JsonElement> s_expected = new(() => JsonDocument.Parse(File.ReadAllBytes(Fixtures.Find("tokenizer/pipelines.json"))).RootElement);

    public static TheoryData<string> Folders => [
        "json/gpt2", "json/llama3", "json/qwen2", "json/digits", "json/llama2", "json/bpe_unk", "json/wordpiece", "json/unigram", "json/unigram_bytes",
    ];

    [Theory, MemberData(nameof(Folders))]
    public void Every_text_gives_the_ids_of_the_reference(string folder)
    {
        var tokenizer = Tokenizers.Open(Fixtures.Find($"tokenizer/{folder}"));
        Compare(folder, (text, expected) =>
        {
            var got = tokenizer.Encode(text);
            var want = expected.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray();
            return got.SequenceEqual(want) ? null : $"{string.Join(' ', got)} instead of {string.Join(' ', want)}";
        });
    }

    [Theory, MemberData(nameof(Folders))]
    public void Every_row_of_ids_gives_the_text_of_the_reference(string folder)
    {
        var tokenizer = Tokenizers.Open(Fixtures.Find($"tokenizer/{folder}"));
        Compare(folder, (_, expected) =>
        {
            // The reference leaves special tokens out.
            var got = tokenizer.Decode([.. expected.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).Where(id => !tokenizer.IsSpecial(id))]);
            var want = expected.GetProperty("decoded").GetString()!;
            return got == want ? null : $"'{got}' instead of '{want}'";
        });
    }

    private static void Compare(string folder, Func<string, JsonElement, string?> fault)
    {
        var texts = s_expected.Value.GetProperty("texts").EnumerateArray().Select(text => text.GetString()!).ToList();
        var cases = s_expected.Value.GetProperty("cases").GetProperty(Path.GetFileName(folder)).EnumerateArray().ToList();
        Assert.Equal(texts.Count, cases.Count);
        var faults = texts.Zip(cases, (text, expected) => (Text: text, Fault: fault(text, expected))).Where(pair => pair.Fault is not null).ToList();
        Assert.True(faults.Count == 0, string.Join("\n", faults.Select(pair => $"'{pair.Text}': {pair.Fault}")));
    }
}
