using System.Text.Json;

namespace Prisma.Text;

/// <summary>WordPiece (Schuster and Nakajima 2012; BERT): the longest token that begins a word, then the longest that goes on; a word that cannot be covered is unknown.</summary>
internal sealed class WordPieceModel : IPieceModel
{
    private readonly Dictionary<string, int> _ids;
    private readonly string _prefix;
    private readonly int _unknown, _most;

    public WordPieceModel(JsonStep json, string path)
    {
        if (json.Element("vocab") is not { ValueKind: JsonValueKind.Object } vocabulary) throw json.Fault("'vocab' is missing");
        _ids = JsonFile.Numbers(vocabulary, path);
        // A list of whole words is the same without parts.
        _prefix = json.Text("continuing_subword_prefix") ?? "##";
        _most = json.Number("max_input_chars_per_word", 100);
        var unknown = json.Text("unk_token") ?? "[UNK]";
        if (!_ids.TryGetValue(unknown, out _unknown)) throw json.Fault($"the unknown token '{unknown}' is not in the vocabulary");
    }

    public IReadOnlyDictionary<string, int> Vocabulary => _ids;

    public void Encode(string piece, List<int> into)
    {
        if (piece.EnumerateRunes().Count() > _most)
        {
            into.Add(_unknown);
            return;
        }
        var found = new List<int>();
        for (var start = 0; start < piece.Length;)
        {
            var (end, id) = (piece.Length, -1);
            for (; end > start; end -= end - 2 >= start && char.IsSurrogatePair(piece, end - 2) ? 2 : 1)
            {
                if (_ids.TryGetValue((start > 0 ? _prefix : "") + piece[start..end], out id)) break;
                id = -1;
            }
            if (id < 0)
            {
                into.Add(_unknown);
                return;
            }
            found.Add(id);
            start = end;
        }
        into.AddRange(found);
    }
}
