namespace Prisma.Engine;

internal static partial class Extras
{
}
