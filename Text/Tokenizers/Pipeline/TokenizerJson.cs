using System.Text.Json;
using Prisma.Core;

namespace Prisma.Text;

/// <summary>Reads a tokenizer.json of Hugging Face's tokenizers library.</summary>
internal static class TokenizerJson
{
    private static readonly string[] FramedBySettings = ["LlamaTokenizer", "LlamaTokenizerFast", "GemmaTokenizer", "GemmaTokenizerFast"];

    public static PipelineTokenizer Open(string path, JsonElement root, TokenizerSettings settings)
    {
        var json = new JsonStep(root, path);
        var normalize = Normalizers.Read(json.Step("normalizer"));
        var cut = PreTokenizers.Read(json.Step("pre_tokenizer"));
        var model = Model(json, path);
        var added = AddedTokens.Read(json.Element("added_tokens"), normalize, path);
        var frame = SpecialFrame.Read(json.Step("post_processor"));
        var decode = Decoders.Read(json.Step("decoder"));
        var plain = new PipelineTokenizer(path, added, normalize, cut, model, frame, decode, settings);
        // These classes of the reference take their frame from tokenizer_config.json, whatever the file says.
        if (!FramedBySettings.Contains(settings.TokenizerClass) || (settings.AddsStart ?? settings.AddsEnd) is null) return plain;
        frame = new SpecialFrame(
            settings.AddsStart ?? true ? [plain.StartId ?? throw json.Fault("add_bos_token is set, but the vocabulary has no start token")] : [],
            settings.AddsEnd ?? false ? [plain.EndId ?? throw json.Fault("add_eos_token is set, but the vocabulary has no end token")] : []);
        return new PipelineTokenizer(path, added, normalize, cut, model, frame, decode, settings);
    }

    private static IPieceModel Model(JsonStep json, string path)
    {
        if (json.Step("model") is not { } model) throw new CheckpointException($"{path}: no 'model' in it; not a tokenizer file.");
        // Files of old releases have no type; merges are what only BPE has.
        var type = model.Text("type") ?? (model.Element("merges") is null ? "unknown" : "BPE");
        return type switch
        {
            "BPE" => new BpeModel(model, path),
            "Unigram" => UnigramModel.Read(model),
            "WordPiece" => new WordPieceModel(model, path),
            "WordLevel" => new WordLevelModel(model, path),
            _ => throw new PrismaException($"{path}: models of the type '{type}' are not built; BPE, Unigram, WordPiece and WordLevel are."),
        };
    }
}
