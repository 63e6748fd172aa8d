using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>A method that cannot say anything about this model or input; others may.</summary>
public sealed class NotApplicableException(string message) : PrismaException(message);
