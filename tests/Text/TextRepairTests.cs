using System.Text.Json;
using Prisma.Text;

namespace Prisma.Tests;

public sealed class TextRepairTests
{
    private static readonly JsonElement[] Cases =
        [.. JsonDocument.Parse(File.ReadAllText(Fixtures.Find("tokenizer/repair_cases.json"))).RootElement.EnumerateArray()];

    [Fact]
    public void Damaged_text_is_repaired_as_the_reference_does()
    {
        Assert.True(Cases.Length >= 400);
        foreach (var item in Cases)
        {
            var text = item.GetProperty("text").GetString()!;
            Assert.Equal(item.GetProperty("repaired").GetString(), TextRepair.Repair(text));
            Assert.Equal(item.GetProperty("bad").GetBoolean(), MojibakeSigns.In(text));
        }
    }

    [Fact]
    public void Lower_case_and_composition_are_the_reference_ones()
    {
        foreach (var item in Cases)
        {
            var text = item.GetProperty("text").GetString()!;
            Assert.Equal(item.GetProperty("lower").GetString(), LowerCase.Of(text));
            Assert.Equal(item.GetProperty("nfc").GetString(), CanonicalForm.Compose(text));
        }
    }

    [Theory]
    [InlineData("schÃ¶n", "schön")]
    [InlineData("voilÃ le travail", "voilà le travail")]
    [InlineData("â€œ like this â€\uFFFD", "\" like this \uFFFD")]
    [InlineData("\u001B[36;44mblue\u001B[0m", "blue")]
    [InlineData("&NTILDE; &nTILDE;", "Ñ &nTILDE;")]
    [InlineData("a < b &amp; c", "a < b &amp; c")]
    [InlineData("plain text stays", "plain text stays")]
    public void Known_faults_are_mended(string text, string expected) => Assert.Equal(expected, TextRepair.Repair(text));

    [Fact]
    public void A_lone_surrogate_becomes_the_replacement_character() => Assert.Equal("a\uFFFDb", TextRepair.Repair("a\uD83Db"));

    [Theory]
    [InlineData("&notit; &amp &#x1F98A; &#151;", "¬it; & 🦊 \u2014")]
    [InlineData("&unknown; &; &#xD800; &#1;x", "&unknown; &; \uFFFD x")]
    public void References_are_read_as_browsers_do(string text, string expected) => Assert.Equal(expected, HtmlEntities.Unescape(text));

    [Theory]
    [InlineData("\u1112\u1161\u11AB", "\uD55C")]                      // Hangul
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]                    // marks in order of class
    [InlineData("\u0340", "\u0300")]                                  // decomposes only
    [InlineData("\U0001D15E", "\U0001D157\U0001D165")]                // excluded from composition
    [InlineData("\u0061\u0315\u0300\u05AE\u0300\u0062", "\u00E0\u05AE\u0300\u0315\u0062")]
    public void Composition_follows_the_standard(string text, string expected) => Assert.Equal(expected, CanonicalForm.Compose(text));
}
