namespace Prisma.Text;

/// <summary>One token that was made.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">Its log-probability under the model, before temperature and cuts.</param>
public readonly record struct GeneratedToken(int Id, double LogProbability);
