using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Prisma.Core;

namespace Prisma.Text;

/// <summary>
/// Finds and reads a byte-level BPE in a folder: vocab.json with merges.txt (GPT-2's own names are encoder.json and vocab.bpe),
/// CLIP's tokenizer.json, or OpenAI's bpe_simple_vocab_16e6.txt.gz.
/// </summary>
internal static class VocabularyReader
{
    public const string OpenAiFile = "bpe_simple_vocab_16e6.txt.gz";
    public const string WordEnd = "</w>", StartOfText = "<|startoftext|>", EndOfText = "<|endoftext|>";

    private const int OpenAiMerges = 49152 - 256 - 2;      // the file goes on, the vocabulary stops there

    private static readonly (string Vocabulary, string Merges)[] Pairs = [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")];

    /// <summary>Whether a folder has one of the files that this reader knows.</summary>
    public static bool IsIn(string folder) => Pairs.SelectMany(pair => new[] { pair.Vocabulary, pair.Merges }).Append("tokenizer.json").Append(OpenAiFile)
        .Any(name => File.Exists(Path.Combine(folder, name)));

    public static BpeVocabulary Read(string folder)
    {
        string At(string name) => Path.Combine(folder, name);
        foreach (var (vocabulary, merges) in Pairs)
        {
            if (File.Exists(At(vocabulary)) && File.Exists(At(merges))) return ReadPair(folder, At(vocabulary), At(merges));
        }
        if (File.Exists(At("tokenizer.json"))) return ReadTokenizerJson(At("tokenizer.json"));
        if (File.Exists(At(OpenAiFile))) return ReadOpenAi(At(OpenAiFile));
        foreach (var (vocabulary, merges) in Pairs)
        {
            if (File.Exists(At(vocabulary))) throw new CheckpointException($"{folder}: {vocabulary} is there but not its merges, {merges}. Fetch that file of the same checkpoint, or its tokenizer.json.");
            if (File.Exists(At(merges))) throw new CheckpointException($"{folder}: {merges} is there but not its vocabulary, {vocabulary}. Fetch that file of the same checkpoint, or its tokenizer.json.");
        }
        throw new CheckpointException(
            $"{folder}: no tokenizer found. Expected tokenizer.json, vocab.json with merges.txt, a SentencePiece model (tokenizer.model), or {OpenAiFile}.");
    }

    private static BpeVocabulary ReadPair(string folder, string vocabularyPath, string mergesPath)
    {
        var ids = JsonFile.Numbers(JsonFile.Open(vocabularyPath), vocabularyPath);
        var lines = File.ReadAllText(mergesPath, Encoding.UTF8).Split('\n');
        var start = lines[0].StartsWith("#version", StringComparison.Ordinal) ? 1 : 0;
        var merges = new List<(string, string)>(lines.Length);
        for (var i = start; i < lines.Length; i++)
        {
            var line = lines[i].TrimEnd('\r');
            if (line.Length > 0) merges.Add(Pair(line, mergesPath, i + 1));
        }
        return new BpeVocabulary(folder, ids, merges, Suffix(ids), new Dictionary<string, int>()).Checked();
    }

    private static BpeVocabulary ReadTokenizerJson(string path)
    {
        var root = JsonFile.Open(path);
        if (!root.TryGetProperty("model", out var model)) throw new CheckpointException($"{path}: no 'model' in it; not a tokenizer file.");
        var type = model.TryGetProperty("type", out var name) ? name.GetString() : null;
        // Files of old releases have no type; merges are what only BPE has.
        if (type is not (null or "BPE") || !model.TryGetProperty("merges", out var mergeList) || !model.TryGetProperty("vocab", out var vocabulary))
            throw new PrismaException($"{path}: tokenizers of the type '{type ?? "unknown"}' are not built yet; byte-level BPE is.");
        var ids = JsonFile.Numbers(vocabulary, path);
        var suffix = model.TryGetProperty("end_of_word_suffix", out var end) && end.GetString() is { } mark ? mark : "";
        var merges = mergeList.EnumerateArray().Select((merge, i) => merge.ValueKind == JsonValueKind.Array
            ? (merge[0].GetString()!, merge[1].GetString()!)
            : Pair(merge.GetString() ?? "", path, i + 1)).ToList();
        var special = new Dictionary<string, int>();
        if (root.TryGetProperty("added_tokens", out var added) && added.ValueKind == JsonValueKind.Array)
        {
            foreach (var token in added.EnumerateArray()) special[token.GetProperty("content").GetString()!] = token.GetProperty("id").GetInt32();
        }
        return new BpeVocabulary(path, ids, merges, suffix, special).Checked();
    }

    private static BpeVocabulary ReadOpenAi(string path)
    {
        var lines = Unpack(path).Split('\n');
        if (lines.Length <= OpenAiMerges)
            throw new CheckpointException($"{path}: {lines.Length - 1} merges, expected at least {OpenAiMerges}. The file is cut short or another one.");
        var merges = new List<(string, string)>(OpenAiMerges);
        for (var i = 1; i <= OpenAiMerges; i++) merges.Add(Pair(lines[i], path, i + 1));

        var ids = new Dictionary<string, int>(OpenAiMerges + 514);
        foreach (var value in ByteAlphabet.PrintingFirst) ids[ByteAlphabet.Show(value).ToString()] = ids.Count;
        foreach (var value in ByteAlphabet.PrintingFirst) ids[ByteAlphabet.Show(value) + WordEnd] = ids.Count;
        foreach (var (left, right) in merges)
        {
            if (!ids.TryAdd(left + right, ids.Count)) throw new CheckpointException($"{path}: two merges make '{left + right}'.");
        }
        ids[StartOfText] = ids.Count;
        ids[EndOfText] = ids.Count;
        return new BpeVocabulary(path, ids, merges, WordEnd, new Dictionary<string, int>()).Checked();
    }

    private static string Unpack(string path)
    {
        try
        {
            using var unpacked = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
            using var reader = new StreamReader(unpacked, new UTF8Encoding(false, throwOnInvalidBytes: true));
            return reader.ReadToEnd();
        }
        catch (Exception fault) when (fault is InvalidDataException or DecoderFallbackException)
        {
            throw new CheckpointException($"{path}: damaged, or no gzip file of UTF-8 text ({fault.Message}).", fault);
        }
    }

    private static (string Left, string Right) Pair(string line, string path, int number)
    {
        var parts = line.Split(' ');
        return parts is [{ Length: > 0 }, { Length: > 0 }]
            ? (parts[0], parts[1])
            : throw new CheckpointException($"{path}, merge {number}: expected two tokens with a blank between, found '{line}'.");
    }

    private static string Suffix(Dictionary<string, int> ids) =>
        ids.Keys.Any(token => token.EndsWith(WordEnd, StringComparison.Ordinal)) ? WordEnd : "";
}
