namespace Prisma.Text;

/// <summary>Which token of a text stands for the whole of it.</summary>
public enum ClipPooling
{
    /// <summary>The one with the greatest id, the first of equals: the end token of OpenAI's vocabulary.</summary>
    GreatestId,
    /// <summary>The first end token; the first token where a text has none.</summary>
    FirstEnd,
    /// <summary>The first token.</summary>
    First,
    /// <summary>The last token, padding included.</summary>
    Last,
}
