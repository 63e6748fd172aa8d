using Prisma.Core;

namespace Prisma.Text;

/// <summary>Where tokenizers start: opens the one that a folder holds.</summary>
public static class Tokenizers
{
    private static readonly string[] ClipClasses = ["CLIPTokenizer", "CLIPTokenizerFast"];
    private static readonly string[] Gpt2Classes = ["GPT2Tokenizer", "GPT2TokenizerFast"];

    /// <summary>Opens the tokenizer of a folder.</summary>
    /// <param name="folder">
    /// A folder with vocab.json and merges.txt, tokenizer.json, or OpenAI's bpe_simple_vocab_16e6.txt.gz; the configuration files beside
    /// them name special tokens and the context length (77 where none does).
    /// </param>
    /// <param name="style">
    /// For CLIP vocabularies whose cleaning to apply; null takes OpenAI's for its own file and for open_clip folders, else Hugging Face's.
    /// </param>
    /// <returns>A tokenizer; it owns no native memory.</returns>
    /// <exception cref="CheckpointException">No tokenizer is there, or its files are damaged or do not belong together.</exception>
    /// <exception cref="PrismaException">The kind of tokenizer is not built yet.</exception>
    public static ITokenizer Open(string folder, TokenizerStyle? style = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (!Directory.Exists(folder)) throw new CheckpointException($"{folder}: no such folder; a tokenizer is a folder of files.");
        var vocabulary = VocabularyReader.Read(folder);
        var settings = TokenizerSettings.Read(folder);
        var isClip = vocabulary.WordEnd.Length > 0;
        if (settings.TokenizerClass is { } name && !(isClip ? ClipClasses : Gpt2Classes).Contains(name))
            throw new PrismaException($"{folder}: the tokenizer '{name}' is not built yet. Built are CLIP's and GPT-2's.");
        if (!isClip)
        {
            return style is null
                ? new Gpt2Tokenizer(vocabulary, settings)
                : throw new OptionsException($"{folder}: holds GPT-2's kind of tokenizer; a style only applies to CLIP's.");
        }
        var isOpenAi = settings.IsOpenClip && settings.TokenizerClass is null || vocabulary.Source.EndsWith(VocabularyReader.OpenAiFile, StringComparison.Ordinal);
        return new ClipTokenizer(vocabulary, settings, style ?? (isOpenAi ? TokenizerStyle.OpenAi : TokenizerStyle.HuggingFace));
    }
}
