namespace Prisma.Text;

/// <summary>One token that was made for one text of a batch.</summary>
/// <param name="Text">The text's number, counted from 0 in the order of the prompts.</param>
/// <param name="Token">The token.</param>
public readonly record struct BatchToken(int Text, GeneratedToken Token);
