using System.IO.Compression;
using Prisma.Core;
using Prisma.Text;

namespace Prisma.Tests;

public sealed class TokenizerFolderTests : IDisposable
{
    // Letters a, b, c with and without the end mark, and two merges.
    private const string Vocabulary =
        """{"a":0,"b":1,"c":2,"a</w>":3,"b</w>":4,"c</w>":5,"ab":6,"abc</w>":7,"<|startoftext|>":8,"<|endoftext|>":9}""";

    private const string Merges = "#version: 0.2\na b\nab c</w>\n";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Vocabulary_and_merges_open_as_Hugging_Face_tokenizer_and_bound_the_context()
    {
        Write("vocab.json", Vocabulary);
        Write("merges.txt", Merges);
        Write("config.json", """{"text_config":{"max_position_embeddings":5}}""");
        var tokenizer = Tokenizers.Open(_folder.Path);
        Assert.Equal(TokenizerStyle.HuggingFace, Assert.IsType<ClipTokenizer>(tokenizer).Style);
        Assert.Equal(5, tokenizer.ContextLength);
        Assert.Equal(10, tokenizer.VocabularySize);
        Assert.Equal([8, 7, 6, 4, 9], tokenizer.Encode("ABC abb c"));
        Assert.Equal([8, 7, 9, 9, 9], tokenizer.Encode("abc", new() { Pad = true }));
        Assert.Equal("abc abb", tokenizer.Decode([7, 6, 4]));
    }

    [Fact]
    public void A_byte_that_the_vocabulary_lacks_becomes_the_unknown_token()
    {
        Write("vocab.json", Vocabulary);
        Write("merges.txt", Merges);
        Assert.Equal([9, 0, 3], Tokenizers.Open(_folder.Path).Encode("z aa", new() { Special = false }));
    }

    [Theory]
    [InlineData("\"a b\",\"ab c</w>\"")]
    [InlineData("[\"a\",\"b\"],[\"ab\",\"c</w>\"]")]
    public void A_tokenizer_json_alone_is_enough(string merges)
    {
        Write("tokenizer.json", $$"""
            {"added_tokens":[{"id":9,"content":"<|endoftext|>","special":true}],
             "pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split"},{"type":"ByteLevel"}]},
             "model":{"type":"BPE","end_of_word_suffix":"</w>","vocab":{{Vocabulary}},"merges":[{{merges}}]} }
            """);
        Assert.Equal([8, 7, 9, 9], Tokenizers.Open(_folder.Path).Encode("abc<|endoftext|>"));
    }

    [Fact]
    public void An_open_clip_folder_opens_in_OpenAi_style_with_its_context()
    {
        Write("vocab.json", Vocabulary);
        Write("merges.txt", Merges);
        Write("open_clip_config.json", """{"model_cfg":{"text_cfg":{"context_length":4}}}""");
        var tokenizer = Tokenizers.Open(_folder.Path);
        Assert.Equal(TokenizerStyle.OpenAi, Assert.IsType<ClipTokenizer>(tokenizer).Style);
        Assert.Equal([8, 7, 9, 0], tokenizer.Encode("abc", new() { Pad = true }));
    }

    [Fact]
    public void A_vocabulary_without_end_marks_opens_as_GPT2_and_keeps_blanks()
    {
        Write("vocab.json", """{"a":0,"b":1,"ab":2,"Ġ":3,"Ġab":4,"'":5,"s":6,"'s":7,"Ċ":8,"1":9,"<|endoftext|>":10}""");
        Write("merges.txt", "#version: 0.2\na b\nĠ ab\n' s\n");
        var tokenizer = Assert.IsType<Gpt2Tokenizer>(Tokenizers.Open(_folder.Path));
        Assert.Equal([2, 4, 7, 3, 3, 4, 8, 8, 9, 9, 3, 10, 0], tokenizer.Encode("ab ab's   ab\n\n11 <|endoftext|>a"));
        Assert.Equal("ab ab's\n", tokenizer.Decode([2, 4, 7, 8]));
        Assert.Throws<OptionsException>(() => tokenizer.Encode("a", new() { Pad = true }));
    }

    [Fact]
    public void The_last_blank_before_a_word_goes_with_it() => Assert.Equal(
        ["a", "  ", " b", " 12", " ...", " it", "'ll", " \n", "\t", "x", "  "],
        WordSplitter.Gpt2("a   b 12 ... it'll \n\tx  "));

    [Fact]
    public void Merges_without_a_vocabulary_and_the_reverse_are_refused_by_name()
    {
        Write("vocab.json", Vocabulary);
        Assert.Contains("merges.txt", Refused<CheckpointException>(), StringComparison.Ordinal);
        File.Move(_folder["vocab.json"], _folder["other.json"]);
        Write("merges.txt", Merges);
        Assert.Contains("vocab.json", Refused<CheckpointException>(), StringComparison.Ordinal);
    }

    [Fact]
    public void Merges_of_another_vocabulary_are_refused()
    {
        Write("vocab.json", Vocabulary);
        Write("merges.txt", "#version: 0.2\nb c\n");
        Assert.Contains("'b c'", Refused<CheckpointException>(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_vocabulary_without_start_token_is_refused()
    {
        Write("vocab.json", Vocabulary.Replace("<|startoftext|>", "<s>", StringComparison.Ordinal));
        Write("merges.txt", Merges);
        Assert.Contains("<|startoftext|>", Refused<CheckpointException>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_damaged_or_short_vocabulary_of_OpenAi_is_refused(bool isGzip)
    {
        var bytes = "#version\na b\n"u8.ToArray();
        using var packed = new MemoryStream();
        using (var zip = new GZipStream(packed, CompressionMode.Compress, leaveOpen: true)) zip.Write(bytes);
        _folder.Put("bpe_simple_vocab_16e6.txt.gz", isGzip ? packed.ToArray() : bytes);
        Assert.Contains("bpe_simple_vocab_16e6.txt.gz", Refused<CheckpointException>(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_truncated_gzip_is_refused()
    {
        var whole = File.ReadAllBytes(Fixtures.Find("tokenizer/bpe_simple_vocab_16e6.txt.gz"));
        _folder.Put("bpe_simple_vocab_16e6.txt.gz", whole[..(whole.Length / 8)]);
        Assert.Contains("bpe_simple_vocab_16e6.txt.gz", Refused<CheckpointException>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vocab.json", "{\"a\":")]
    [InlineData("vocab.json", "{\"a\":\"b\"}")]
    [InlineData("vocab.json", "{\"a\":1,\"b\":1}")]
    [InlineData("vocab.json", "[]")]
    public void Broken_json_is_refused_with_the_name_of_its_file(string name, string content)
    {
        Write(name, content);
        Write("merges.txt", "#version: 0.2\n");
        Assert.Contains(_folder.Path, Refused<CheckpointException>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokenizer.model", "x", "SentencePiece")]
    [InlineData("tokenizer.json", """{"model":{"type":"Unigram","vocab":[]}}""", "empty")]
    [InlineData("tokenizer.json", """{"model":{"type":"Tree","vocab":[]}}""", "Tree")]
    [InlineData("tokenizer.json", """{"pre_tokenizer":{"type":"Scissors"},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}""", "Scissors")]
    [InlineData("tokenizer.json", """{"normalizer":{"type":"Magic"},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}""", "Magic")]
    [InlineData("tokenizer.json", """{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"a++"},"behavior":"Isolated"},"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}""", "a++")]
    [InlineData("tokenizer.json", """{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}""", "'a b'")]
    public void What_is_not_built_or_damaged_is_refused_by_name(string name, string content, string named)
    {
        Write(name, content);
        Assert.Contains(named, Assert.ThrowsAny<PrismaException>(() => Tokenizers.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_classes_and_empty_or_missing_folders_are_refused()
    {
        Assert.Contains("no tokenizer found", Refused<CheckpointException>(), StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => Tokenizers.Open(_folder["missing"]));
        Write("vocab.json", Vocabulary);
        Write("merges.txt", Merges);
        Write("tokenizer_config.json", """{"tokenizer_class":"OpenAIGPTTokenizer"}""");
        Assert.Contains("OpenAIGPTTokenizer", Refused<PrismaException>(), StringComparison.Ordinal);
    }

    private void Write(string name, string content) => File.WriteAllText(_folder[name], content);

    private string Refused<T>() where T : Exception => Assert.Throws<T>(() => Tokenizers.Open(_folder.Path)).Message;
}
