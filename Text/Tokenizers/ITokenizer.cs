namespace Prisma.Text;

/// <summary>Turns text into token ids and back. Implementations are immutable apart from a cache and may be shared by threads.</summary>
public interface ITokenizer
{
    /// <summary>The greatest number of ids a model reads at once, start and end included.</summary>
    int ContextLength { get; }

    /// <summary>One more than the greatest id.</summary>
    int VocabularySize { get; }

    /// <summary>The id that opens a text, where the vocabulary has one.</summary>
    int? StartId { get; }

    /// <summary>The id that closes a text, where the vocabulary has one.</summary>
    int? EndId { get; }

    /// <summary>The id that fills a row up to the context length, where there is one.</summary>
    int? PaddingId { get; }

    /// <summary>Whether an id is a special token: it marks something and stands for no text.</summary>
    bool IsSpecial(int id);

    /// <summary>Encodes one text.</summary>
    /// <param name="text">Any text; lone surrogates count as U+FFFD.</param>
    /// <param name="options">What is added, cut and repaired; null for the defaults.</param>
    /// <returns>The ids, a new array.</returns>
    /// <exception cref="Core.OptionsException">The options ask for what this tokenizer lacks.</exception>
    int[] Encode(string text, EncodeOptions? options = null);

    /// <summary>The text of some ids, special tokens written out. Bytes that are no UTF-8 become U+FFFD.</summary>
    /// <param name="ids">Ids of this vocabulary.</param>
    /// <returns>The text; lower-cased and with blanks at the ends of words where the vocabulary is so.</returns>
    /// <exception cref="Core.OptionsException">An id lies outside the vocabulary.</exception>
    string Decode(ReadOnlySpan<int> ids);
}
