using Prisma.Core;

namespace Prisma.Text;

/// <summary>The tokens and merges of a byte-level BPE as read from files.</summary>
/// <param name="Source">The file or folder, for messages.</param>
/// <param name="Ids">Token to id.</param>
/// <param name="Merges">Pairs of tokens, the earlier the stronger.</param>
/// <param name="WordEnd">What marks the last piece of a word: "&lt;/w&gt;" in CLIP, nothing in GPT-2.</param>
/// <param name="Special">Tokens that the file declares as special, beyond the merges.</param>
internal sealed record BpeVocabulary(
    string Source, IReadOnlyDictionary<string, int> Ids, IReadOnlyList<(string Left, string Right)> Merges, string WordEnd,
    IReadOnlyDictionary<string, int> Special)
{
    /// <summary>Checks that every merge takes and makes tokens of the vocabulary and that no two tokens share an id.</summary>
    public BpeVocabulary Checked()
    {
        var strange = Merges.Where(merge => !Ids.ContainsKey(merge.Left) || !Ids.ContainsKey(merge.Right) || !Ids.ContainsKey(merge.Left + merge.Right))
            .Take(3).ToList();
        if (strange.Count > 0)
        {
            var names = string.Join(", ", strange.Select(merge => $"'{merge.Left} {merge.Right}'"));
            throw new CheckpointException(
                $"{Source}: merges that take or make tokens the vocabulary of {Ids.Count} lacks ({names}, ...). Merges and vocabulary belong to different tokenizers.");
        }
        var seen = new Dictionary<int, string>(Ids.Count);
        foreach (var (token, id) in Ids)
        {
            if (!seen.TryAdd(id, token)) throw new CheckpointException($"{Source}: the tokens '{seen[id]}' and '{token}' share the id {id}.");
        }
        if (Ids.Count == 0 || Ids.Values.Min() < 0) throw new CheckpointException($"{Source}: the vocabulary is empty or has negative ids.");
        return this;
    }
}
