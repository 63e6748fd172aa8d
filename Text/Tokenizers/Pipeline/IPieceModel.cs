namespace Prisma.Text;

/// <summary>Turns one piece of a text, as the pre-tokenizers cut it, into ids. Shared by threads.</summary>
internal interface IPieceModel
{
    /// <summary>Tokens and their ids.</summary>
    IReadOnlyDictionary<string, int> Vocabulary { get; }

    /// <summary>Appends the ids of a piece.</summary>
    void Encode(string piece, List<int> into);
}
