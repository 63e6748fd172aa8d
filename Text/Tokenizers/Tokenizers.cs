using System.Text.Json;
using Prisma.Core;

namespace Prisma.Text;

/// <summary>Where tokenizers start: opens the one that a folder holds.</summary>
public static class Tokenizers
{
    private const string Pipeline = "tokenizer.json";

    private static readonly string[] ClipClasses = ["CLIPTokenizer", "CLIPTokenizerFast"];
    private static readonly string[] Gpt2Classes = ["GPT2Tokenizer", "GPT2TokenizerFast"];
    private static readonly string[] SentencePieces = ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model"];

    /// <summary>Opens the tokenizer of a folder.</summary>
    /// <param name="folder">
    /// A folder with tokenizer.json, vocab.json and merges.txt, a SentencePiece model (tokenizer.model, spiece.model; a single file *.model
    /// of another name too), or OpenAI's bpe_simple_vocab_16e6.txt.gz; the configuration files beside them name special tokens and the
    /// context length. CLIP's vocabularies take vocab.json and merges.txt first, all others tokenizer.json.
    /// </param>
    /// <param name="style">
    /// For CLIP vocabularies whose cleaning to apply; null takes OpenAI's for its own file and for open_clip folders, else Hugging Face's.
    /// </param>
    /// <returns>A tokenizer; it owns no native memory.</returns>
    /// <exception cref="CheckpointException">No tokenizer is there, or its files are damaged or do not belong together.</exception>
    /// <exception cref="PrismaException">The kind of tokenizer is not built.</exception>
    public static ITokenizer Open(string folder, TokenizerStyle? style = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (!Directory.Exists(folder)) throw new CheckpointException($"{folder}: no such folder; a tokenizer is a folder of files.");
        var settings = TokenizerSettings.Read(folder);
        if (JsonFile.TryOpen(folder, Pipeline) is { } json && !IsClip(json, settings))
            return Unstyled(style, folder, TokenizerJson.Open(Path.Combine(folder, Pipeline), json, settings));
        if (!VocabularyReader.IsIn(folder) && SentencePiece(folder) is { } model)
            return Unstyled(style, folder, SentencePieceTokenizer.Open(model, settings));
        var vocabulary = VocabularyReader.Read(folder);
        var isClip = vocabulary.WordEnd.Length > 0;
        if (settings.TokenizerClass is { } name && !(isClip ? ClipClasses : Gpt2Classes).Contains(name))
            throw new PrismaException($"{folder}: the tokenizer '{name}' is not built from vocab.json and merges.txt alone. Built are CLIP's and GPT-2's; others need their tokenizer.json.");
        if (!isClip) return Unstyled(style, folder, new Gpt2Tokenizer(vocabulary, settings));
        var isOpenAi = settings.IsOpenClip && settings.TokenizerClass is null || vocabulary.Source.EndsWith(VocabularyReader.OpenAiFile, StringComparison.Ordinal);
        return new ClipTokenizer(vocabulary, settings, style ?? (isOpenAi ? TokenizerStyle.OpenAi : TokenizerStyle.HuggingFace));
    }

    // CLIP's cleaning depends on what is installed beside the reference: its own tokenizer knows both ways.
    private static bool IsClip(JsonElement json, TokenizerSettings settings) => ClipClasses.Contains(settings.TokenizerClass)
        || json.TryGetProperty("model", out var model) && model.ValueKind == JsonValueKind.Object
            && model.TryGetProperty("end_of_word_suffix", out var end) && end.ValueKind == JsonValueKind.String && end.GetString() == VocabularyReader.WordEnd;

    private static string? SentencePiece(string folder)
    {
        foreach (var name in SentencePieces)
        {
            if (File.Exists(Path.Combine(folder, name))) return Path.Combine(folder, name);
        }
        var others = Directory.GetFiles(folder, "*.model");
        return others.Length == 1 ? others[0] : null;
    }

    private static T Unstyled<T>(TokenizerStyle? style, string folder, T tokenizer) where T : ITokenizer => style is null
        ? tokenizer
        : throw new OptionsException($"{folder}: holds no CLIP tokenizer; a style only applies to CLIP's.");
}
