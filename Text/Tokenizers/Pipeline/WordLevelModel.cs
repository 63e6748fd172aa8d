using System.Text.Json;

namespace Prisma.Text;

/// <summary>A list of whole words: each piece is one token or unknown.</summary>
internal sealed class WordLevelModel : IPieceModel
{
    private readonly Dictionary<string, int> _ids;
    private readonly int _unknown;

    public WordLevelModel(JsonStep json, string path)
    {
        if (json.Element("vocab") is not { ValueKind: JsonValueKind.Object } vocabulary) throw json.Fault("'vocab' is missing");
        _ids = JsonFile.Numbers(vocabulary, path);
        var unknown = json.Text("unk_token") ?? "<unk>";
        if (!_ids.TryGetValue(unknown, out _unknown)) throw json.Fault($"the unknown token '{unknown}' is not in the vocabulary");
    }

    public IReadOnlyDictionary<string, int> Vocabulary => _ids;

    public void Encode(string piece, List<int> into) => into.Add(_ids.GetValueOrDefault(piece, _unknown));
}
